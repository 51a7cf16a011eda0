"""A server that speaks the wire format of chat completions, as OpenAI-compatible endpoints do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """Answers by ``reply``, after the failures that ``fail`` lists; keeps what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fail: list[tuple[int, dict[str, str], bytes]] = []
        self.pause = 0.0
        self.reply: Callable[[dict[str, Any]], str] = lambda _request: "Yes [1]."

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        request = json.loads(body)
        self.asked.append(request)
        self.headers.append(headers)
        if path != "/v1/chat/completions":
            return 404, {}, b'{"error": {"message": "no such route"}}'
        time.sleep(self.pause)
        if self.fail:
            return self.fail.pop(0)
        completion = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": f"{request['model']}-2026",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": self.reply(request)},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333},
        }
        return 200, {}, json.dumps(completion).encode()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """A running endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, data = made.answer(self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
