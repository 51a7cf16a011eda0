"""Tails: state kept in memory and current from the log, without a position in the database."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from uuid import UUID

from raia_kit.errors import OutOfRange
from raia_kit.events.envelope import Event
from raia_kit.events.log import EventLog, LogReader, Positions, Start
from raia_kit.events.loop import Loop

_POLL_SECONDS = 0.5
_FIRST_POLL_SECONDS = 0.05  # until it is current for the first time, somebody waits for it
_REMEMBERED = 10_000


class Tail(Loop):
    """Gives every event of some topics to ``callback``, in order, in its own thread, in every replica.

    It starts after ``after`` (partitions that it does not name: at ``start``) and keeps its place in memory: whoever
    needs more reads the state first and then the log from the positions that the state was read at. An event that a
    relay published twice is given once. A callback that raises gets the same event again after a pause, and
    ``caught_up_at`` ages meanwhile: state that must not be stale fails closed. When the log no longer holds what
    follows, ``on_expired`` reads the state again and returns the new positions; without it the tail stays unhealthy.
    """

    def __init__(
        self,
        name: str,
        log: EventLog,
        topics: Sequence[str],
        callback: Callable[[Event], None],
        *,
        after: Positions | None = None,
        start: Start = "head",
        on_expired: Callable[[], Positions] | None = None,
    ) -> None:
        super().__init__(name)
        self._log = log
        self._topics = tuple(topics)
        self._callback = callback
        self._positions: Positions = dict(after or {})
        self._start: Start = start
        self._on_expired = on_expired
        self._reader: LogReader | None = None
        self._seen: OrderedDict[UUID, None] = OrderedDict()
        self._caught_up_at = float("-inf")

    @property
    def caught_up_at(self) -> float:
        """``time.monotonic()`` at which everything then in the log had been given; minus infinity before the first."""
        return self._caught_up_at

    @property
    def positions(self) -> Positions:
        """How far events have been given, per partition."""
        return self._positions

    def age(self) -> float:
        """Seconds since it was known to be at the head; infinite before it was."""
        return time.monotonic() - self._caught_up_at

    def wake(self) -> None:
        """Ends the wait for events early."""
        super().wake()
        reader = self._reader
        if reader is not None:
            reader.wake()

    def step(self) -> float:
        """Gives what one look at the log brings."""
        try:
            reader = self._open()
            found = reader.poll(_POLL_SECONDS if self._caught_up_at > 0 else _FIRST_POLL_SECONDS)
        except OutOfRange:
            if self._on_expired is None:
                raise
            self.release()
            self._positions = dict(self._on_expired())
            return 0.0
        waiting = deque(found.events)
        try:
            while waiting and not self.stopping:
                self._give(waiting[0])
                waiting.popleft()
        finally:
            self._positions = _before(reader.positions, waiting)
        if found.at_head and not waiting:
            self._caught_up_at = found.as_of
        return 0.0

    def release(self) -> None:
        """Closes the reader; the next begins after the last event that was given."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _open(self) -> LogReader:
        if self._reader is None:
            self._reader = self._log.reader(self._topics, self._positions, self._start)
            self._positions = self._reader.positions
            # From now on, partitions that it has not seen are new and read from their beginning.
            self._start = "earliest"
        return self._reader

    def _give(self, event: Event) -> None:
        if event.id in self._seen:
            return
        self._callback(event)
        self._seen[event.id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _before(positions: Positions, waiting: deque[Event]) -> Positions:
    """The positions from which the waiting events come again."""
    result = dict(positions)
    for event in reversed(waiting):
        result[event.place] = event.position - 1
    return result
