"""The relay: takes a service's events from its outbox to the log, in order and without loss."""

import time
from typing import Any

import psycopg
from psycopg.rows import dict_row

from raia_kit.database import Database
from raia_kit.events import metrics
from raia_kit.events.envelope import Event
from raia_kit.events.log import EventLog
from raia_kit.events.loop import Loop
from raia_kit.events.session import connect

BATCH = 100
_POLL_SECONDS = 1.0
_FIGURES_SECONDS = 5.0

_TAKE = """
delete from outbox where sequence in (select sequence from outbox order by sequence limit %s)
returning sequence, id, topic, key, type, headers, payload, extract(epoch from clock_timestamp() - created_at) as age
"""
_FIGURES = "select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) from outbox"


class Relay(Loop):
    """One per service, whatever its replicas: the process whose direct session holds the advisory lock publishes.

    It takes the oldest rows of the outbox in order and deletes them in the transaction that publishes them. With the
    PostgreSQL log that is one transaction, so each event is in the log exactly once. Another log must have the batch
    before the deletion commits: after a crash in between, the batch comes again under the same ids, which consumers
    know from their inbox. It wakes after each commit of ``database`` and looks by itself every second.
    """

    def __init__(self, database: Database, log: EventLog, *, direct_url: str = "", batch_size: int = BATCH) -> None:
        super().__init__(f"{database.service}-relay")
        self._service = database.service
        self._log = log
        self._url = (direct_url or database.url).replace("postgresql+psycopg://", "postgresql://", 1)
        self._batch_size = batch_size
        self._connection: psycopg.Connection[Any] | None = None
        self._leader = False
        self._next_figures = 0.0
        self._wakeups = database.after_commit

    def start(self) -> None:
        """Starts publishing, or standing by for the process that does."""
        if self.wake not in self._wakeups:
            self._wakeups.append(self.wake)
        super().start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ends after the batch at hand; the lock is free when this returns True."""
        if self.wake in self._wakeups:
            self._wakeups.remove(self.wake)
        return super().stop(timeout)

    @property
    def leader(self) -> bool:
        """Whether this process publishes its service's events."""
        return self._leader

    def step(self) -> float:
        """Publishes one batch; waits when there was none, or while another process is the relay."""
        connection = self._open()
        if not self._leader and not self._lead(connection):
            self.pause(_POLL_SECONDS)  # commits need not wake one that stands by
            return 0.0
        published = self._publish(connection)
        self._measure(connection)
        return 0.0 if published else _POLL_SECONDS

    def release(self) -> None:
        """Closes the session, and with it the lock."""
        self._leader = False
        metrics.RELAY_LEADER.labels(self._service).set(0)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = connect(self._url, f"raia-{self._service}-relay")
            self._connection = connection
            connection.execute(f'set role "raia_{self._service}_platform"')
        return self._connection

    def _lead(self, connection: psycopg.Connection[Any]) -> bool:
        row = connection.execute(
            "select pg_try_advisory_lock(hashtextextended(%s, 0))", [f"raia.{self._service}.relay"]
        ).fetchone()
        self._leader = row is not None and bool(row[0])
        metrics.RELAY_LEADER.labels(self._service).set(int(self._leader))
        return self._leader

    def _publish(self, connection: psycopg.Connection[Any]) -> int:
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            rows = sorted(cursor.execute(_TAKE, [self._batch_size]).fetchall(), key=lambda row: int(row["sequence"]))
            if not rows:
                return 0
            self._log.publish([_event(row) for row in rows], connection)
        self._log.announce(connection)
        metrics.PUBLISHED.labels(self._service).inc(len(rows))
        for row in rows:
            metrics.PUBLISH_DELAY.labels(self._service).observe(max(0.0, float(row["age"])))
        return len(rows)

    def _measure(self, connection: psycopg.Connection[Any]) -> None:
        if time.monotonic() < self._next_figures:
            return
        self._next_figures = time.monotonic() + _FIGURES_SECONDS
        row = connection.execute(_FIGURES).fetchone()
        if row is not None:
            metrics.OUTBOX_ROWS.labels(self._service).set(row[0])
            metrics.OUTBOX_AGE.labels(self._service).set(float(row[1]))


def _event(row: dict[str, Any]) -> Event:
    return Event(
        id=row["id"],
        topic=row["topic"],
        key=row["key"],
        type=row["type"],
        payload=bytes(row["payload"]),
        headers=row["headers"],
    )
