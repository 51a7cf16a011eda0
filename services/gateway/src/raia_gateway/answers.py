"""Reading a stream of answers while watching that somebody still wants them."""

import asyncio
from types import TracebackType
from typing import Any, Self

from google.protobuf.message import Message
from grpc.aio import EOF  # type: ignore[attr-defined]  # the stubs lack it

from raia_gateway.asgi import ClientDisconnected
from raia_gateway.exchange import Exchange


class Answers:
    """The answers of a server stream; leaving the context ends the call."""

    def __init__(self, exchange: Exchange, call: Any) -> None:
        self._call = call
        self._gone = asyncio.ensure_future(exchange.disconnected())
        self._read: asyncio.Future[Any] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        waiting = [self._gone, *([self._read] if self._read is not None else [])]
        for task in waiting:
            task.cancel()
        if not self._call.done():
            self._call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def next(self, patience: float | None = None) -> Message | None:
        """The next answer; None at the end of the stream.

        Raises ``TimeoutError`` when none came within ``patience`` seconds (the next call waits on), the call's error
        when it failed, ``ClientDisconnected`` when the client has gone.
        """
        if self._read is None:
            self._read = asyncio.ensure_future(self._call.read())
        await asyncio.wait({self._read, self._gone}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done():
            raise ClientDisconnected
        if not self._read.done():
            raise TimeoutError
        read, self._read = self._read, None
        message = read.result()
        return None if message is EOF else message
