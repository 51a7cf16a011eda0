"""The event log as everyone sees it, whichever backend stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from psycopg import Connection

from raia_kit.errors import OutOfRange
from raia_kit.events.envelope import Event, TopicPartition

Positions = Mapping[TopicPartition, int]
"""Per partition the position of the last event that was read; 0 before the first."""

Start = Literal["earliest", "head"]
"""Where a reader without a stored position begins."""


def cursor_expired(place: TopicPartition, position: int, earliest: int) -> OutOfRange:
    """The error for a position whose successors the log no longer holds: a gap is never passed over in silence."""
    return OutOfRange(
        f"the log of {place.topic} no longer holds what follows position {position}; read the current state, then "
        "start again from now",
        reason="CURSOR_EXPIRED",
        metadata={
            "topic": place.topic,
            "partition": str(place.partition),
            "position": str(position),
            "earliest": str(earliest),
        },
    )


def matches(pattern: str, topic: str) -> bool:
    """Whether ``pattern`` names the topic: itself, or a prefix that ends in ``*``."""
    return topic.startswith(pattern[:-1]) if pattern.endswith("*") else topic == pattern


@dataclass(frozen=True)
class Poll:
    """What one look at the log brought."""

    events: Sequence[Event]
    """In order within each partition."""
    at_head: bool
    """Nothing followed these events when the log was asked."""
    as_of: float
    """``time.monotonic()`` before the log was asked: what ``at_head`` says held then."""


class LogReader(Protocol):
    """Reads topics from given positions on; belongs to one thread, except for ``wake``."""

    @property
    def positions(self) -> Positions:
        """How far it has read, per partition."""

    def poll(self, timeout: float, limit: int = 200) -> Poll:
        """Up to ``limit`` events, at once if there are any, else those that come within ``timeout`` seconds.

        Raises ``OutOfRange`` (CURSOR_EXPIRED) where events after its position have left the log, ``Unavailable`` when
        the log is away.
        """

    def wake(self) -> None:
        """Ends a running ``poll`` early, from any thread."""

    def close(self) -> None:
        """Releases what it holds."""


class EventLog(Protocol):
    """An ordered, durable log of events per topic and partition, kept for a week."""

    def publish(self, events: Sequence[Event], connection: Connection[Any]) -> None:
        """Appends the events in order; returns once they will not be lost.

        ``connection`` is the relay's, inside the transaction that deletes the events from the outbox: the PostgreSQL
        log writes there, so both happen or neither; another log is told before that transaction commits, so an event
        may come twice, by the same id, and never not at all.
        """

    def announce(self, connection: Connection[Any]) -> None:
        """Tells readers, after the commit, that something was published; they find out by themselves within 1 s."""

    def topics(self, prefix: str = "") -> Sequence[str]:
        """The topics that exist and begin so, sorted."""

    def head(self, topic: str) -> Mapping[int, int]:
        """Per partition the position of the newest event; 0 where there is none."""

    def earliest(self, topic: str) -> Mapping[int, int]:
        """Per partition the oldest position from which ``read`` can go on without a gap."""

    def read(self, topic: str, partition: int, after: int, limit: int = 100) -> Sequence[Event]:
        """Up to ``limit`` events that follow position ``after``; raises like ``LogReader.poll``."""

    def reader(self, topics: Sequence[str], after: Positions, start: Start = "earliest") -> LogReader:
        """A reader of the topics; a name that ends in ``*`` stands for every topic with that prefix, also future ones.

        A partition that ``after`` does not name begins at ``start``; one that appears later begins at its beginning.
        """

    def close(self) -> None:
        """Releases connections; readers are closed by whoever opened them."""
