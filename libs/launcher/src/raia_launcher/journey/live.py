"""What comes over the WebSocket while the journey runs."""

import json
import threading
import time
from collections import Counter
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


class Listener:
    """Subscribes to topics and keeps what arrives, in a thread of its own."""

    def __init__(self, url: str, token: str, topics: list[str]) -> None:
        self._url = url.replace("http", "ws", 1) + "/ws/real-time"
        self._token = token
        self._topics = topics
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.messages: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, name="journey-live", daemon=True)

    def start(self) -> None:
        """Connects; returns once the subscription is confirmed or after 10 s."""
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        """Disconnects."""
        self._stop.set()
        self._thread.join(5)

    def counts(self) -> dict[str, int]:
        """How many messages of each event type have arrived."""
        return dict(Counter(str(message.get("type", "")).rsplit(".", 1)[-1] for message in self.messages))

    def notifications(self, expected: set[str], timeout: float = 5.0) -> dict[str, tuple[str, str]]:
        """Title and message by id of the notifications that came, waited for until ``expected`` are among them."""
        until = time.monotonic() + timeout
        while True:
            data = [m["data"] for m in list(self.messages) if str(m.get("type", "")).endswith("NotificationCreated")]
            came = {str(one["notification_id"]): (str(one["title"]), str(one["message"])) for one in data}
            if expected <= set(came) or time.monotonic() > until:
                return came
            self._stop.wait(0.1)

    def _listen(self) -> None:
        headers = {"authorization": f"Bearer {self._token}"}
        try:
            with connect(self._url, additional_headers=headers, open_timeout=10) as socket:
                socket.send(json.dumps({"op": "subscribe", "topics": self._topics}))
                while not self._stop.is_set():
                    try:
                        message = json.loads(socket.recv(timeout=0.2))
                    except TimeoutError:
                        continue
                    if message.get("op") == "subscribed":
                        self._ready.set()
                    elif message.get("op") == "event":
                        self.messages.append(message["event"])
        except (WebSocketException, OSError):
            self._ready.set()
