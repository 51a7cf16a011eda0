"""One HTTP request and its answer over raw ASGI."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from raia_kit.context import Caller

from raia_gateway.asgi import ClientDisconnected, Header, Receive, Scope, Send
from raia_gateway.compression import BodyDecoder, compress, negotiate
from raia_gateway.errors import JSON, BodyTimeout, MalformedRequest, PayloadTooLarge

_COMPRESSED_FROM = 1400
"""Bytes from which compressing pays; below, the answer fits one packet anyway."""
_DRAIN_BYTES, _DRAIN_SECONDS = 4 * 1024 * 1024, 2.0
_IDLE_SECONDS = 60.0
_REPEATABLE = frozenset({b"cookie", b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"via"})


class Exchange:
    """A request being answered: reads its body under a limit, sends its answer with the headers common to all."""

    __slots__ = (
        "_body_done",
        "_receive",
        "_send",
        "caller",
        "common",
        "headers",
        "method",
        "request_id",
        "route",
        "scope",
        "started",
        "status",
        "traceparent",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive, self._send = receive, send
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = ""
        self.traceparent = ""
        """The W3C trace context of whatever is done for this request."""
        self.common: list[Header] = []
        self.started = False
        self.status = 0
        self.caller: Caller | None = None
        self.route = ""
        """The template that matched, for metrics and logs."""
        self._body_done = False

    def header(self, name: bytes) -> str:
        """A request header's value, empty when absent."""
        return self.headers.get(name, b"").decode("latin-1")

    def refuse_repeated_headers(self) -> None:
        """Raises ``MalformedRequest`` when a header that decides something stands twice."""
        if len(self.headers) == len(self.scope["headers"]):
            return
        seen: set[bytes] = set()
        for name, _ in self.scope["headers"]:
            if name in seen and name not in _REPEATABLE and not name.startswith(b"x-"):
                raise MalformedRequest(f"the header {name.decode('latin-1')} stands twice")
            seen.add(name)

    @property
    def client_address(self) -> str:
        """The client's address as the server saw it, empty when it has none."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece as it comes.

        Raises ``ClientDisconnected`` when it breaks off and ``BodyTimeout`` when nothing comes for too long.
        """
        while not self._body_done:
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    event = await self._receive()
            except TimeoutError:
                raise BodyTimeout(_IDLE_SECONDS) from None
            if event["type"] == "http.disconnect":
                raise ClientDisconnected
            self._body_done = not event.get("more_body", False)
            if event.get("body"):
                yield event["body"]

    def stated_length(self, limit: int) -> int | None:
        """The stated length of the body; raises ``PayloadTooLarge`` when it exceeds ``limit``."""
        stated = self.headers.get(b"content-length")
        if stated is None:
            return None
        length = int(stated)
        if length > limit:
            raise PayloadTooLarge(limit)
        return length

    async def body(self, limit: int) -> bytes:
        """The whole body, decoded; raises ``PayloadTooLarge`` as soon as it exceeds ``limit``."""
        self.stated_length(limit)
        encoding = self.headers.get(b"content-encoding")
        decoder = BodyDecoder(encoding, limit) if encoding else None
        parts, size = [], 0
        async for chunk in self.chunks():
            part = decoder.feed(chunk) if decoder else chunk
            size += len(part)
            if size > limit:
                raise PayloadTooLarge(limit)
            parts.append(part)
        if decoder:
            decoder.finish()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def disconnected(self) -> None:
        """Returns when the client has gone; what it still sends is thrown away."""
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                return
            self._body_done = not event.get("more_body", False)

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Sends status and headers."""
        self.started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": [*self.common, *headers]})

    async def write(self, data: bytes) -> None:
        """Sends a piece of the answer's body; waits while the client does not read."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Sends the last piece."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def respond(
        self, status: int, body: bytes = b"", content_type: bytes = JSON, headers: Sequence[Header] = ()
    ) -> None:
        """Sends a whole answer, compressed when the client accepts it and it pays."""
        if status in (204, 304):
            await self.start(status, headers)
            await self.finish()
            return
        sent = [(b"content-type", content_type), *headers]
        if len(body) >= _COMPRESSED_FROM:
            sent.append((b"vary", b"accept-encoding"))
            encoding = negotiate(self.headers.get(b"accept-encoding", b""))
            if encoding:
                body = compress(encoding, body)
                sent.append((b"content-encoding", encoding))
        sent.append((b"content-length", str(len(body)).encode()))
        if not self._body_done and self._expects_body():
            await self._refuse_rest(status, sent, body)
            return
        await self.start(status, sent)
        await self.finish(body)

    def _expects_body(self) -> bool:
        length = self.headers.get(b"content-length")
        return length not in (None, b"0") or b"transfer-encoding" in self.headers

    async def _refuse_rest(self, status: int, headers: list[Header], body: bytes) -> None:
        """Answers before the body was read: the answer first, then a little of the rest, so that it is seen."""
        if self.headers.get(b"expect", b"").lower() == b"100-continue":
            await self.start(status, [*headers, (b"connection", b"close")])
            await self.finish(body)
            return
        await self.start(status, [*headers, (b"connection", b"close")])
        await self.write(body)
        # Closing a socket with unread data resets it, and a client that is still sending would lose the answer.
        with suppress(TimeoutError, BodyTimeout, ClientDisconnected):
            async with asyncio.timeout(_DRAIN_SECONDS):
                drained = 0
                async for chunk in self.chunks():
                    drained += len(chunk)
                    if drained > _DRAIN_BYTES:
                        break
        await self.finish()
