"""What waits to be sent to one WebSocket: bounded, and never reordered."""

import asyncio
from collections import deque


class TooSlow(Exception):
    """The client does not read as fast as messages come."""


class Outbox:
    """Messages in order, at most ``limit`` of them and ``limit_bytes`` in all."""

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self._limit, self._limit_bytes = limit, limit_bytes
        self._messages: deque[tuple[bytes, str]] = deque()
        self._bytes = 0
        self._changed, self._drained = asyncio.Event(), asyncio.Event()
        self._closed = False
        self.last_cursor = ""
        """The cursor of the last event that was handed to the connection."""

    def put(self, data: bytes, cursor: str = "") -> None:
        """Adds a message; raises ``TooSlow`` when there is no room, and takes nothing more then."""
        if self._closed:
            return
        full = len(self._messages) >= self._limit or self._bytes + len(data) > self._limit_bytes
        if self._messages and full:
            self._closed = True
            raise TooSlow
        self._messages.append((data, cursor))
        self._bytes += len(data)
        self._changed.set()

    def end_with(self, data: bytes) -> None:
        """Replaces everything that waits by a last message."""
        self._closed = True
        self._messages.clear()
        self._bytes = 0
        self._messages.append((data, ""))
        self._changed.set()
        self._drained.set()

    def close(self) -> None:
        """Takes nothing more; what waits is still given out."""
        self._closed = True
        self._changed.set()
        self._drained.set()

    async def next(self) -> bytes | None:
        """The next message; None when it was closed and nothing waits."""
        while not self._messages:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        data, cursor = self._messages.popleft()
        self._bytes -= len(data)
        if cursor:
            self.last_cursor = cursor
        if self.half_empty:
            self._drained.set()
        return data

    @property
    def half_empty(self) -> bool:
        """Whether a replay may go on filling it."""
        return len(self._messages) * 2 <= self._limit and self._bytes * 2 <= self._limit_bytes

    async def wait_half_empty(self) -> None:
        """Waits until a replay may go on, so that replaying never makes a client too slow."""
        while not self.half_empty and not self._closed:
            self._drained.clear()
            await self._drained.wait()

    @property
    def closed(self) -> bool:
        """Whether it takes messages no more."""
        return self._closed
