"""What the event tests share: a service's database with an event log of either backend, and its writers."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from raia.ingest.events.v1 import dataset_events_pb2
from raia_kit.context import Actor
from raia_kit.database import Database, UnitOfWork
from raia_kit.events.consumer import Consumer, ConsumerLoop
from raia_kit.events.envelope import Event
from raia_kit.events.kafka import KafkaEventLog
from raia_kit.events.log import EventLog, LogReader
from raia_kit.events.loop import Loop
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.relay import Relay
from raia_kit.events.session import DirectSession
from raia_kit.ids import new_id
from raia_testing.postgres import ServiceDatabase
from sqlalchemy import text

_L = TypeVar("_L", bound=Loop)
ORG = UUID("11111111-1111-7111-8111-111111111111")
TABLES = """
create table if not exists raia_sample.resource (key text primary key, n bigint not null);
create table if not exists raia_sample.effect (
    id bigint generated always as identity primary key, consumer text, event_id uuid, org_id uuid, key text, n bigint
);
grant select, insert, update on raia_sample.resource, raia_sample.effect to raia_sample, raia_sample_platform;
"""
NEXT = text("""
insert into resource as r (key, n) values (:key, 1) on conflict (key) do update set n = r.n + 1 returning n
""")
EFFECT = text(
    "insert into effect (consumer, event_id, org_id, key, n) values (:consumer, :event_id, :org_id, :key, :n)"
)


def open_log(backend: str, database: Database, session: DirectSession, kafka_bootstrap: str) -> EventLog:
    """The log of a backend."""
    return KafkaEventLog(kafka_bootstrap) if backend == "kafka" else PostgresEventLog(database.engine, session)


def write_next(unit: UnitOfWork, key: str, topic: str) -> int:
    """Changes a resource under its lock and tells so: the order within the key is the commit order."""
    number = int(unit.session.execute(NEXT, {"key": key}).scalar_one())
    unit.emit(dataset_events_pb2.DatasetUploaded(dataset_id=key, version=number), key=key, topic=topic)
    return number


def number_of(event: Event) -> int:
    """The number that ``write_next`` gave the event."""
    message = event.decode()
    assert isinstance(message, dataset_events_pb2.DatasetUploaded)
    return message.version


def write_effect(consumer: str) -> Callable[[UnitOfWork, Event], None]:
    """A handler whose effect is a row."""

    def handle(unit: UnitOfWork, event: Event) -> None:
        values = {"consumer": consumer, "event_id": event.id, "org_id": unit.org_id, "key": event.key}
        unit.session.execute(EFFECT, values | {"n": number_of(event)})

    return handle


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for a condition; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@dataclass
class Rig:
    """One service on one database, with everything that the tests start; ``close`` stops it all."""

    backend: str
    service: ServiceDatabase
    kafka_bootstrap: str
    stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.topic = f"raia.sample.t{new_id().hex}"
        with psycopg.connect(self.service.admin_url, autocommit=True) as connection:
            connection.execute(TABLES)
        self.database = self.service.database
        self.session = self.start(DirectSession(self.service.url, service="sample"))
        self.log = open_log(self.backend, self.database, self.session, self.kafka_bootstrap)
        self.stack.callback(self.log.close)

    def start(self, loop: _L) -> _L:
        """Starts a thread that is stopped with the rig."""
        loop.start()
        self.stack.callback(lambda: self._stop(loop))
        return loop

    def relay(self, log: EventLog | None = None) -> Relay:
        """A running relay."""
        return self.start(Relay(self.database, log or self.log, direct_url=self.service.url))

    def consume(self, consumer: Consumer, session: DirectSession | None = None) -> ConsumerLoop:
        """A running consumer."""
        return self.start(ConsumerLoop(consumer, self.database, self.log, session or self.session))

    def reader(self, *topics: str, **options: Any) -> LogReader:
        """A reader that is closed with the rig."""
        reader = self.log.reader(topics, options.pop("after", {}), **options)
        self.stack.callback(reader.close)
        return reader

    def write(self, keys: Sequence[str], topic: str = "", org_id: UUID | None = ORG) -> None:
        """One transaction and event for each key."""
        for key in keys:
            if org_id is None:
                with self.database.platform_unit_of_work() as unit:
                    write_next(unit, key, topic or self.topic)
            else:
                with self.database.unit_of_work(org_id, actor=Actor(service="sample"), correlation_id="c-1") as unit:
                    write_next(unit, key, topic or self.topic)

    def publish(self, *events: Event) -> None:
        """Publishes past the outbox."""
        with psycopg.connect(self.service.url) as connection:
            connection.execute('set role "raia_sample_platform"')
            self.log.publish(events, connection)

    def event(self, key: str, number: int, topic: str = "") -> Event:
        """An event that nobody has published."""
        message = dataset_events_pb2.DatasetUploaded(dataset_id=key, version=number)
        return Event(
            id=new_id(),
            topic=topic or self.topic,
            key=key,
            type=message.DESCRIPTOR.full_name,
            payload=message.SerializeToString(),
            headers={"orgid": str(ORG), "actor": "service:sample"},
        )

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What the administrator sees."""
        with psycopg.connect(self.service.admin_url) as connection:
            connection.execute("set search_path to raia_sample")
            return connection.execute(statement, parameters).fetchall()

    def effects(self, consumer: str) -> list[tuple[str, int]]:
        """Key and number of the effects, in the order in which they happened."""
        return [
            (key, number)
            for key, number in self.rows("select key, n from effect where consumer = %(c)s order by id", c=consumer)
        ]

    def end_sessions(self, application: str) -> int:
        """What a restart of the database or a broken network does to connections; how many it did it to."""
        statement = (
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and application_name = %(application)s"
        )
        return int(self.rows(statement, application=application)[0][0])

    def close(self) -> None:
        """Stops everything."""
        self.stack.close()

    def _stop(self, loop: Loop) -> None:
        assert loop.stop(15), f"{loop.name} does not stop"
