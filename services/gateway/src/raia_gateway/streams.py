"""Server streams as server-sent events or newline-delimited JSON, by what the client accepts."""

from collections.abc import Mapping
from typing import Any

import orjson
from google.protobuf.message import Message
from raia_kit.errors import InvalidArgument

from raia_gateway.admission import Admission
from raia_gateway.answers import Answers
from raia_gateway.asgi import ClientDisconnected
from raia_gateway.endpoint import Endpoint
from raia_gateway.errors import NotAcceptable, answer
from raia_gateway.exchange import Exchange
from raia_gateway.transcoding import RequestTranscoder
from raia_gateway.unary import require_json
from raia_gateway.upstream import Upstream, call_metadata, call_timeout

_HEARTBEAT_SECONDS = 15.0
_FIRST_SECONDS = 1.0
"""How long the status waits for a first answer, so that a refusal gets its own."""


class EventStreamFormat:
    """text/event-stream: one event a message, with its cursor as the event's id."""

    content_type = b"text/event-stream; charset=utf-8"
    heartbeat = b": heartbeat\n\n"

    @staticmethod
    def message(document: Any, cursor: str) -> bytes:
        """One message; JSON has no line breaks, so one ``data`` line is enough."""
        identity = f"id: {cursor}\n".encode() if cursor and cursor.isprintable() else b""
        return identity + b"data: " + orjson.dumps(document) + b"\n\n"

    @staticmethod
    def error(document: Any) -> bytes:
        """The last event of a stream that failed."""
        return b"event: error\ndata: " + orjson.dumps(document) + b"\n\n"


class LinesFormat:
    """application/x-ndjson: one JSON object a line; an error is the last line, under ``error``."""

    content_type = b"application/x-ndjson"
    heartbeat = b"\n"

    @staticmethod
    def message(document: Any, _cursor: str) -> bytes:
        """One line."""
        return orjson.dumps(document) + b"\n"

    @staticmethod
    def error(document: Any) -> bytes:
        """The last line of a stream that failed."""
        return orjson.dumps({"error": document}) + b"\n"


StreamFormat = EventStreamFormat | LinesFormat


def choose_format(accept: str) -> StreamFormat:
    """The format that the client asked for; lines unless it prefers events."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    for kind in kinds:
        if kind == "text/event-stream":
            return EventStreamFormat()
        if kind in ("application/x-ndjson", "application/ndjson", "application/json", "application/*", "*/*"):
            return LinesFormat()
    if kinds:
        raise NotAcceptable("text/event-stream or application/x-ndjson")
    return LinesFormat()


class ServerStream:
    """Serves an rpc that answers with a stream of messages."""

    def __init__(self, endpoint: Endpoint, admission: Admission, upstream: Upstream, *, body_limit: int) -> None:
        self._admission = admission
        self._body_limit = body_limit
        self._callable = upstream.callable(endpoint.contract)
        output, request = endpoint.contract.descriptor.output_type, endpoint.contract.descriptor.input_type
        self._has_cursor = "cursor" in output.fields_by_name
        self._resumes = "cursor" in request.fields_by_name

    async def __call__(self, exchange: Exchange, endpoint: Endpoint, values: Mapping[str, str]) -> None:
        """Serves one request until the stream ends or the client goes."""
        await self._admission.admit(exchange, endpoint.contract)
        shape = choose_format(exchange.header(b"accept"))
        request = await self._request(exchange, endpoint.transcoder, values)
        call = self._callable(
            request, timeout=call_timeout(exchange, endpoint.contract), metadata=call_metadata(exchange)
        )
        async with Answers(exchange, call) as answers:
            await self._send(exchange, endpoint, answers, shape)

    async def _request(self, exchange: Exchange, transcoder: RequestTranscoder, values: Mapping[str, str]) -> Message:
        body = None
        if transcoder.takes_body:
            body = await exchange.body(self._body_limit)
            if body:
                require_json(exchange)
        request = transcoder.request(values, exchange.scope["query_string"], body)
        last = exchange.header(b"last-event-id")
        if last and self._resumes:
            given: str = request.cursor  # type: ignore[attr-defined]
            if given and given != last:
                raise InvalidArgument.of_field("cursor", "differs from the Last-Event-ID header")
            request.cursor = last  # type: ignore[attr-defined]
        return request

    async def _send(self, exchange: Exchange, endpoint: Endpoint, answers: Answers, shape: StreamFormat) -> None:
        patience = _FIRST_SECONDS
        while True:
            try:
                message = await answers.next(patience)
            except TimeoutError:
                await self._start(exchange, shape)
                await exchange.write(shape.heartbeat)
                patience = _HEARTBEAT_SECONDS
                continue
            except ClientDisconnected:
                raise
            except Exception as error:
                if not exchange.started:
                    raise
                await exchange.finish(shape.error(answer(error, exchange.request_id).document))
                return
            await self._start(exchange, shape)
            if message is None:
                await exchange.finish()
                return
            cursor: str = message.cursor if self._has_cursor else ""  # type: ignore[attr-defined]
            await exchange.write(shape.message(endpoint.encode(message), cursor))
            patience = _HEARTBEAT_SECONDS

    async def _start(self, exchange: Exchange, shape: StreamFormat) -> None:
        if not exchange.started:
            # x-accel-buffering keeps a proxy before the gateway from holding events back.
            headers = [(b"content-type", shape.content_type), (b"x-accel-buffering", b"no")]
            await exchange.start(200, headers)
