"""The gateway's one reading of the log, handed out to the WebSockets that may see it."""

import asyncio
import threading
from collections import deque
from typing import Protocol
from uuid import UUID

from raia_kit.events import cursor
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.log import EventLog
from raia_kit.events.tail import Tail

from raia_gateway import metrics
from raia_gateway.live.ring import Entry, Ring

_PREFIX = "raia."
_WAITING = 10_000
_SLICE, _SLICE_BYTES = 50, 128 * 1024


class Subscriber(Protocol):
    """What the hub knows of a connection."""

    def deliver(self, entry: Entry) -> None:
        """Takes an event of its organisation and of a topic that it listens to."""


class Hub:
    """Follows the log in a thread of its own; everything else happens on the event loop."""

    def __init__(self, log: EventLog, ring_size: int) -> None:
        self.log = log
        self._ring_size = ring_size
        self.ring = Ring(ring_size, {})
        self._subscribers: dict[tuple[str, UUID], set[Subscriber]] = {}
        self._cursors: dict[frozenset[str], str] = {}
        self._waiting: deque[Event] = deque()
        self._room = threading.Semaphore(_WAITING)
        self._scheduled = False
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tail: Tail | None = None

    async def start(self) -> None:
        """Begins at the log's present end; returns once that is known."""
        self._loop = asyncio.get_running_loop()
        heads = await asyncio.to_thread(self._heads)
        self.ring = Ring(self._ring_size, heads)
        # Topics that appear later are read from their beginning, so nothing falls between.
        self._tail = Tail("live", self.log, [f"{_PREFIX}*"], self._take, after=heads, start="earliest")
        self._tail.start()
        metrics.LIVE_LAG.set_function(self.lag)

    async def stop(self) -> None:
        """Ends following the log."""
        tail, self._tail = self._tail, None
        if tail is not None:
            self._room.release(_WAITING)
            await asyncio.to_thread(tail.stop)

    def lag(self) -> float:
        """Seconds since the gateway was known to be at the head of the log."""
        return self._tail.age() if self._tail is not None else float("inf")

    def healthy(self) -> tuple[bool, str]:
        """Whether it follows the log, and if not a sentence that says why."""
        return self._tail.healthy() if self._tail is not None else (False, "live events are not followed")

    def add(self, topic: str, org_id: UUID, subscriber: Subscriber) -> None:
        """Delivers the topic's events of the organisation from now on."""
        self._subscribers.setdefault((topic, org_id), set()).add(subscriber)

    def remove(self, topic: str, org_id: UUID, subscriber: Subscriber) -> None:
        """Ends ``add``."""
        subscribers = self._subscribers.get((topic, org_id), set())
        subscribers.discard(subscriber)
        if not subscribers:
            self._subscribers.pop((topic, org_id), None)

    @property
    def listeners(self) -> int:
        """Subscriptions of all connections together."""
        return sum(map(len, self._subscribers.values()))

    def positions(self, topics: frozenset[str]) -> dict[TopicPartition, int]:
        """How far the topics have been handed out."""
        heads = self.ring.heads
        return {place: heads.get(place, 0) for topic in topics for place in self.ring.places(topic)}

    def cursor(self, topics: frozenset[str]) -> str:
        """The cursor for that, made once for all connections with the same topics."""
        known = self._cursors.get(topics)
        if known is None:
            known = self._cursors[topics] = cursor.encode(self.positions(topics))
        return known

    def _heads(self) -> dict[TopicPartition, int]:
        return {
            TopicPartition(topic, partition): position
            for topic in self.log.topics(_PREFIX)
            for partition, position in self.log.head(topic).items()
        }

    def _take(self, event: Event) -> None:
        """Called by the tail's thread; waits while the event loop is behind."""
        self._room.acquire()
        with self._lock:
            self._waiting.append(event)
            if self._scheduled or self._loop is None or self._loop.is_closed():
                return
            self._scheduled = True
        self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        """Gives out a slice of what waits, then lets connections send before the next: a burst makes nobody slow."""
        size = 0
        for _ in range(_SLICE):
            with self._lock:
                if not self._waiting:
                    self._scheduled = False
                    return
                event = self._waiting.popleft()
            self._room.release()
            self._give(event)
            size += len(event.payload)
            if size > _SLICE_BYTES:
                break
        if self._loop is not None:
            self._loop.call_soon(self._hand_out)

    def _give(self, event: Event) -> None:
        entry = Entry(event)
        self.ring.add(entry)
        self._cursors.clear()
        if entry.org_id is None:
            return
        for subscriber in list(self._subscribers.get((event.topic, entry.org_id), ())):
            subscriber.deliver(entry)
