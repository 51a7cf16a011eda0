"""The request stream of an upload: written from the event loop, read by gRPC in a thread of its own.

gRPC's asyncio client forgets the status of a call that the server ends while a message is being written, which is what
happens to uploads that are refused midway; its synchronous client keeps it. So uploads alone are made with that one.
"""

import asyncio
import queue
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from raia_gateway import metrics
from raia_gateway.errors import PayloadTooLarge

_CHUNK = 512 * 1024
"""Bytes gathered before they are passed on: large enough to make few messages, half of what a message may carry."""
_WAITING = 2
"""Messages that may wait for gRPC."""


class AnsweredEarly(Exception):
    """The service answered or failed before it had read everything."""


class StreamingCall:
    """A call whose requests come one by one; every method but the iterator's is for the event loop."""

    def __init__(self, callable_: Any, timeout: float, metadata: Sequence[tuple[str, str]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_WAITING)
        self._complete = False
        self._done: asyncio.Future[Any] = self._loop.create_future()
        self._call = callable_.future(self._iterate(), timeout=timeout, metadata=metadata)
        self._call.add_done_callback(lambda _call: self._tell(self._set_done))

    def _iterate(self) -> Iterator[Message]:
        """Run by gRPC's thread, which takes the next message only when the last one is on its way."""
        while (request := self._requests.get()) is not None:
            yield request
            self._tell(self._room.release)

    def _tell(self, action: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def _set_done(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    async def write(self, request: Message) -> None:
        """Sends a message once there is room for it; raises ``AnsweredEarly`` when nobody will read it."""
        room: asyncio.Future[Any] = asyncio.ensure_future(self._room.acquire())
        try:
            await asyncio.wait({room, self._done}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not room.done():
                room.cancel()
        if self._done.done():
            raise AnsweredEarly
        self._requests.put(request)

    def complete(self) -> None:
        """Says that every message was written."""
        self._complete = True
        self._requests.put(None)

    def end(self) -> None:
        """Lets gRPC's thread end; cancels the call unless all was written or the service has answered."""
        if not self._complete:
            if not self._done.done():
                self._call.cancel()
            self._requests.put(None)

    async def answer(self) -> Message:
        """The service's answer; raises its error."""
        try:
            await self._done
        except asyncio.CancelledError:
            self._call.cancel()
            raise
        message: Message = self._call.result()
        return message

    def trailers(self) -> Any:
        """The trailing metadata of the answered call."""
        return self._call.trailing_metadata()


class FileStream:
    """Gathers a file's bytes and writes them in chunks; holds no more than it must."""

    def __init__(self, call: StreamingCall, request: type[Message], limit: int) -> None:
        self._call, self._request, self._limit = call, request, limit
        self._buffer = bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Takes bytes of the file; raises ``PayloadTooLarge``."""
        self._size += len(data)
        if self._size > self._limit:
            raise PayloadTooLarge(self._limit)
        self._buffer += data

    async def tell(self, metadata: dict[str, Any]) -> None:
        """Sends the metadata."""
        await self._call.write(self._request(metadata=metadata))

    async def drain(self, least: int = _CHUNK) -> None:
        """Sends what has been gathered once it is at least so many bytes."""
        while self._buffer and len(self._buffer) >= least:
            chunk = bytes(self._buffer[:_CHUNK])
            del self._buffer[:_CHUNK]
            await self._call.write(self._request(chunk=chunk))
            metrics.UPLOADED_BYTES.inc(len(chunk))

    async def finish(self, finish: dict[str, Any]) -> None:
        """Sends the rest and the finish message."""
        await self.drain(least=1)
        await self._call.write(self._request(finish=finish))
        self._call.complete()
