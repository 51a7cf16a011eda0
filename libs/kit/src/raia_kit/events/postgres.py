"""The event log in PostgreSQL: schema ``raia_log``, positions without gaps, one partition a topic."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from raia_kit.database import translate
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.log import Poll, Positions, Start, cursor_expired, matches
from raia_kit.events.session import CHANNEL, DirectSession

_POLL_SECONDS = 1.0

_PUBLISH = """
select raia_log.publish(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[], %s::bytea[])
"""

_READ = text("""
select wanted.topic as wanted, topic.head, event.*
from unnest(cast(:topics as text[]), cast(:positions as bigint[])) as wanted (topic, after)
join raia_log.topic on topic.name = wanted.topic
left join lateral (
    select id, topic, position, key, type, headers, payload
    from raia_log.event
    where event.topic = wanted.topic and event.position > wanted.after
    order by event.position
    limit :limit
) as event on true
order by wanted.topic, event.position
""")

_TOPICS = text("select name from raia_log.topic where starts_with(name, :prefix) order by name")
_HEAD = text("select head from raia_log.topic where name = :topic")
_EARLIEST = text("""
select coalesce((select min(position) - 1 from raia_log.event where event.topic = topic.name), topic.head)
from raia_log.topic where name = :topic
""")


class PostgresEventLog:
    """Reads through ``engine``, wakes readers by ``session``; writes on the relay's connection alone."""

    def __init__(self, engine: Engine, session: DirectSession) -> None:
        self._engine = engine
        self._session = session

    def publish(self, events: Sequence[Event], connection: Connection[Any]) -> None:
        """Appends in the transaction of ``connection``: the events are in the log when it commits, all or none."""
        connection.execute(
            _PUBLISH,
            [
                [event.topic for event in events],
                [event.id for event in events],
                [event.key for event in events],
                [event.type for event in events],
                [Jsonb(dict(event.headers)) for event in events],
                [event.payload for event in events],
            ],
        )

    def announce(self, connection: Connection[Any]) -> None:
        """One NOTIFY for the whole batch."""
        connection.execute(f'notify "{CHANNEL}"')

    def topics(self, prefix: str = "") -> Sequence[str]:
        """The topics that exist and begin so, sorted."""
        return [str(row["name"]) for row in self._rows(_TOPICS, {"prefix": prefix})]

    def head(self, topic: str) -> Mapping[int, int]:
        """The newest position; 0 for a topic that does not exist yet."""
        return {0: self._position(_HEAD, topic)}

    def earliest(self, topic: str) -> Mapping[int, int]:
        """The position before the oldest event that is kept."""
        return {0: self._position(_EARLIEST, topic)}

    def read(self, topic: str, partition: int, after: int, limit: int = 100) -> Sequence[Event]:
        """Up to ``limit`` events after a position; raises ``OutOfRange`` (CURSOR_EXPIRED) across a gap."""
        if partition != 0:
            return []
        events, _ = self.fetch({TopicPartition(topic): after}, limit)
        return events

    def reader(self, topics: Sequence[str], after: Positions, start: Start = "earliest") -> "PostgresReader":
        """A reader that is woken by the relays' notices and looks by itself every second."""
        return PostgresReader(self, self._session, topics, after, start)

    def close(self) -> None:
        """Nothing: engine and session belong to the process."""

    def fetch(self, after: Positions, limit: int) -> tuple[list[Event], bool]:
        """Events after the positions, up to ``limit`` a topic, and whether nothing follows them, in one snapshot."""
        places = list(after)
        parameters = {
            "topics": [place.topic for place in places],
            "positions": [after[place] for place in places],
            "limit": limit,
        }
        events: list[Event] = []
        reached = dict(after)
        heads: dict[TopicPartition, int] = {}
        for row in self._rows(_READ, parameters):
            place = TopicPartition(row["wanted"])
            heads[place] = row["head"]
            if row["position"] is None:
                continue
            self._no_gap(place, reached[place], row["position"] - 1)
            reached[place] = row["position"]
            events.append(_event(row))
        for place, head in heads.items():
            if reached[place] == after[place]:
                self._no_gap(place, reached[place], head)
        return events, all(reached[place] >= head for place, head in heads.items())

    def _no_gap(self, place: TopicPartition, reached: int, next_from: int) -> None:
        """Positions are contiguous, so anything missing between two of them has left the log."""
        if next_from > reached:
            raise cursor_expired(place, reached, next_from)

    def _position(self, statement: Any, topic: str) -> int:
        rows = self._rows(statement, {"topic": topic})
        return int(next(iter(rows[0].values()))) if rows else 0

    def _rows(self, statement: Any, parameters: Mapping[str, Any]) -> Sequence[RowMapping]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(statement, parameters).mappings().all()
        except (DBAPIError, PoolTimeout) as error:
            raise translate(error) from error


class PostgresReader:
    """Follows topics in the PostgreSQL log."""

    def __init__(
        self, log: PostgresEventLog, session: DirectSession, topics: Sequence[str], after: Positions, start: Start
    ) -> None:
        self._log = log
        self._patterns = tuple(topics)
        self._start: Start = start
        self._positions: dict[TopicPartition, int] = {
            place: position
            for place, position in after.items()
            if any(matches(pattern, place.topic) for pattern in topics)
        }
        self._opened = False
        self._signal = threading.Event()
        self._interrupted = threading.Event()
        self._session = session
        self._find_topics()
        self._opened = True
        session.subscribe(self._signal)

    @property
    def positions(self) -> Positions:
        """How far it has read, per topic."""
        return dict(self._positions)

    def poll(self, timeout: float, limit: int = 200) -> Poll:
        """Events at once if there are any, else those that come within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            self._signal.clear()
            as_of = time.monotonic()
            self._find_topics()
            events, at_head = self._log.fetch(self._positions, limit) if self._positions else ([], True)
            for event in events:
                self._positions[event.place] = event.position
            remaining = deadline - time.monotonic()
            if not events and remaining > 0 and not self._interrupted.is_set():
                self._signal.wait(min(remaining, _POLL_SECONDS))
                continue
            self._interrupted.clear()
            return Poll(events, at_head, as_of)

    def wake(self) -> None:
        """Ends a running poll early."""
        self._interrupted.set()
        self._signal.set()

    def close(self) -> None:
        """Stops listening."""
        self._session.unsubscribe(self._signal)

    def _find_topics(self) -> None:
        """Begins to read topics that match and are not read yet."""
        for pattern in self._patterns:
            found = self._log.topics(pattern[:-1]) if pattern.endswith("*") else [pattern]
            for topic in found:
                place = TopicPartition(topic)
                if place not in self._positions:
                    self._positions[place] = self._first_position(topic)

    def _first_position(self, topic: str) -> int:
        if self._start == "head" and not self._opened:
            return self._log.head(topic)[0]
        return self._log.earliest(topic)[0]


def _event(row: RowMapping) -> Event:
    return Event(
        id=row["id"],
        topic=row["topic"],
        key=row["key"],
        type=row["type"],
        payload=bytes(row["payload"]),
        headers=row["headers"],
        position=row["position"],
    )
