"""HTTP connections: bounds on what comes before a body, in size and time, and refusals in the form of all errors."""

import asyncio
from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from raia_gateway.errors import ErrorAnswer, HeadTooLarge, MalformedRequest, answer

_HEAD_BYTES = 64 * 1024
"""Request line and headers of one request; the parser itself would take any number."""
_HEAD_SECONDS = 15.0
"""Seconds in which they must come, from the first byte on or from connecting."""

_REFUSED_SECONDS = 0.5


class GatewayHttp(HttpToolsProtocol):
    """uvicorn's protocol with limits on the head of a request."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head: int | None = 0
        """Bytes of the present head so far; None while no head is being read."""
        self._head_timer: TimerHandle | None = None
        self._counted = 0
        """Bytes of the present head that the parser has given out."""
        self._refused = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as its parent has it
        """A client connected and must now ask for something."""
        super().connection_made(transport)
        self._time_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came; refuses a head that grows too large or a request that is no HTTP."""
        if self._refused:
            return
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is None or self._refused:
            return
        if self._head > _HEAD_BYTES:
            self._refuse(answer(HeadTooLarge(_HEAD_BYTES), ""))
        elif self._head and self._head_timer is None:
            self._time_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head, self._counted = self._head or 0, 0

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._counted += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._counted += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head = None
        self._stop_timer()
        if self._counted > _HEAD_BYTES:
            self._refuse(answer(HeadTooLarge(_HEAD_BYTES), ""))
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body, unless the request was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole; the next bytes are another request's."""
        self._head = 0
        if not self._refused:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, or names what this server does not serve."""
        self._refuse(answer(MalformedRequest(msg.rstrip(".").lower()), ""))

    def _refuse(self, told: ErrorAnswer) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._stop_timer()
        body = told.body
        head = [
            STATUS_LINE[told.http],
            b"content-type: application/json\r\nx-content-type-options: nosniff\r\nconnection: close\r\n",
            f"content-length: {len(body)}\r\n\r\n".encode(),
        ]
        self.transport.write(b"".join([*head, body]))
        # Closing with bytes unread resets the connection, and the client might lose the answer: they are thrown away
        # for a moment first.
        asyncio.get_running_loop().call_later(_REFUSED_SECONDS, self.transport.close)

    def _time_head(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        timer, self._head_timer = self._head_timer, None
        if timer is not None:
            timer.cancel()
