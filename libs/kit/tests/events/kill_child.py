"""A process that relays or consumes until it is killed: ``kill_child.py <relay|consumer> <configuration as JSON>``.

Now and then it kills itself where a death is worst: between publication and the deletion from the outbox, and between
an effect and its commit. From outside these moments are rarely hit.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection
from raia_kit.database import Database, UnitOfWork
from raia_kit.events.consumer import Consumer, ConsumerLoop
from raia_kit.events.envelope import Event
from raia_kit.events.kafka import KafkaEventLog
from raia_kit.events.log import EventLog
from raia_kit.events.loop import Loop
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.relay import Relay
from raia_kit.events.session import DirectSession
from sqlalchemy import text

_EFFECT = text(
    "insert into effect (consumer, event_id, org_id, key, n) values (:consumer, :event_id, :org_id, :key, :n)"
)


def _die(probability: float) -> None:
    if random.random() < probability:
        os.kill(os.getpid(), signal.SIGKILL)


class _DyingPostgresLog(PostgresEventLog):
    def publish(self, events: Sequence[Event], connection: Connection[Any]) -> None:
        _die(0.01)
        super().publish(events, connection)
        _die(0.02)

    def announce(self, connection: Connection[Any]) -> None:
        _die(0.01)
        super().announce(connection)


class _DyingKafkaLog(KafkaEventLog):
    def publish(self, events: Sequence[Event], connection: Connection[Any]) -> None:
        _die(0.01)
        super().publish(events, connection)
        _die(0.02)

    def announce(self, connection: Connection[Any]) -> None:
        _die(0.01)
        super().announce(connection)


def _handler(name: str) -> Callable[[UnitOfWork, Event], None]:
    def handle(unit: UnitOfWork, event: Event) -> None:
        number = event.decode().version  # type: ignore[attr-defined]
        values = {"consumer": name, "event_id": event.id, "org_id": unit.org_id, "key": event.key, "n": number}
        _die(0.001)
        unit.session.execute(_EFFECT, values)
        _die(0.002)

    return handle


def main() -> None:
    """Runs until killed; says ``ready`` when it has started."""
    role, given = sys.argv[1], json.loads(sys.argv[2])
    database = Database(given["url"], service="sample")
    session = DirectSession(given["url"], service="sample")
    log: EventLog = (
        _DyingKafkaLog(given["kafka"]) if given["backend"] == "kafka" else _DyingPostgresLog(database.engine, session)
    )
    loops: list[Loop] = [session]
    if role == "relay":
        loops.append(Relay(database, log, direct_url=given["url"]))
    else:
        for name in given["consumers"]:
            loops.append(ConsumerLoop(Consumer(name, [given["topic"]], _handler(name)), database, log, session))
    for loop in loops:
        loop.start()
    print("ready", flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
