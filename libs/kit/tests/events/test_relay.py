"""The relay: in order, once, by one process, whatever breaks."""

import threading

import psycopg
import pytest
from raia_kit.events.kafka import KafkaEventLog
from raia_kit.events.loop import backoff
from raia_kit.events.relay import Relay
from raia_kit.events.session import DirectSession

from .rig import Rig, number_of, wait_until


def outbox_rows(rig: Rig) -> int:
    return int(rig.rows("select count(*) from outbox")[0][0])


def numbers(rig: Rig) -> list[int]:
    read = [event for partition in rig.log.head(rig.topic) for event in rig.log.read(rig.topic, partition, 0, 100_000)]
    return [number_of(event) for event in read]


def test_publishes_in_order_and_empties_the_outbox(rig: Rig) -> None:
    rig.write(["a"] * 250)
    assert outbox_rows(rig) == 250
    relay = rig.relay()
    wait_until(lambda: outbox_rows(rig) == 0)
    assert numbers(rig) == list(range(1, 251))
    assert relay.healthy() == (True, "")


def test_a_commit_wakes_it(rig: Rig) -> None:
    rig.relay()
    rig.write(["a"])
    wait_until(lambda: outbox_rows(rig) == 0)
    reader = rig.reader(rig.topic, start="head")
    reader.poll(0.3)
    rig.write(["a"])
    assert reader.poll(0.9).events, "it came before the poll of a second"


def test_one_of_several_publishes_and_another_takes_over(rig: Rig) -> None:
    first = rig.relay()
    wait_until(lambda: first.leader)
    second = rig.relay()
    rig.write(["a"] * 20)
    wait_until(lambda: outbox_rows(rig) == 0)
    assert not second.leader
    assert second.healthy() == (True, ""), "standing by is no fault"
    assert first.stop(5)
    wait_until(lambda: second.leader)
    rig.write(["a"] * 20)
    wait_until(lambda: outbox_rows(rig) == 0)
    assert numbers(rig) == list(range(1, 41))


def test_survives_the_loss_of_its_connection(rig: Rig) -> None:
    relay = rig.relay()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            rig.write(["a"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            wait_until(lambda: rig.end_sessions("raia-sample-relay"))
            wait_until(lambda: relay.leader)
    finally:
        stop.set()
        writer.join()
    wait_until(lambda: outbox_rows(rig) == 0)
    wait_until(lambda: relay.healthy() == (True, ""))
    seen = list(dict.fromkeys(numbers(rig)))
    assert seen == list(range(1, len(seen) + 1))
    assert rig.rows("select n from resource") == [(len(seen),)]
    if rig.backend == "postgres":
        assert len(numbers(rig)) == len(seen), "the PostgreSQL log holds each event once"


def test_keeps_events_while_the_broker_is_away(postgres_rig: Rig) -> None:
    threads = threading.active_count()
    log = KafkaEventLog("127.0.0.1:1")
    relay = postgres_rig.relay(log)
    postgres_rig.write(["a"] * 3)
    wait_until(lambda: not relay.healthy()[0])
    assert "Unavailable" in relay.healthy()[1]
    assert outbox_rows(postgres_rig) == 3
    assert relay.stop(10)
    log.close()
    assert threading.active_count() == threads, "failed connections leave no threads behind"
    postgres_rig.relay()
    wait_until(lambda: outbox_rows(postgres_rig) == 0)
    assert numbers(postgres_rig) == [1, 2, 3]


def test_is_unhealthy_while_the_database_is_away(postgres_rig: Rig) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/nothing"
    relay = postgres_rig.start(Relay(postgres_rig.database, postgres_rig.log, direct_url=url))
    wait_until(lambda: not relay.healthy()[0])
    assert "secret" not in relay.healthy()[1]


def test_a_service_cannot_publish_on_another_services_topic(postgres_rig: Rig) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres_rig.publish(postgres_rig.event("a", 1, "raia.ingest.dataset"))


def test_leases_are_held_by_one_session_and_move_when_it_breaks(postgres_rig: Rig) -> None:
    other = postgres_rig.start(DirectSession(postgres_rig.service.url, service="other"))
    mine = postgres_rig.session.lease("the-lock")
    wait_until(lambda: mine.held)
    theirs = other.lease("the-lock")
    assert not theirs.changed.wait(1.5)
    assert postgres_rig.end_sessions("raia-sample-session") == 1
    wait_until(lambda: theirs.held or mine.held)
    assert not (theirs.held and mine.held)
    holder, session = (theirs, other) if theirs.held else (mine, postgres_rig.session)
    waiting = mine if holder is theirs else theirs
    session.give_up(holder)
    wait_until(lambda: waiting.held)
    assert not holder.held


def test_backoff_grows_to_a_limit_with_jitter() -> None:
    for failures, ceiling in [(1, 0.1), (2, 0.2), (5, 1.6), (50, 5.0)]:
        pauses = {backoff(failures) for _ in range(50)}
        assert len(pauses) > 1
        assert all(ceiling / 2 <= pause <= ceiling for pause in pauses)
