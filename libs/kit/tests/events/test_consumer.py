"""Consumers: an event's effect happens once, in order, and poison is set aside within limits."""

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from uuid import UUID, uuid4

import pytest
from raia.platform.events.v1 import dead_letter_events_pb2
from raia.platform.v1 import dead_letter_pb2, dead_letter_service_pb2
from raia_kit.context import Actor, Call, serving
from raia_kit.contract import all_methods
from raia_kit.database import UnitOfWork
from raia_kit.dead_letters import DeadLetterServicer
from raia_kit.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event
from raia_kit.events.session import DirectSession

from .rig import ORG, Rig, number_of, wait_until, write_effect


class Poison(Exception):
    """What a handler raises on an event that it cannot bear."""


def consumer(rig: Rig, name: str = "c", **options: object) -> Consumer:
    return dataclasses.replace(Consumer(name, [rig.topic], write_effect(name)), **options)  # type: ignore[arg-type]


def expected(*keys: str, count: int) -> set[tuple[str, int]]:
    return {(key, number) for key in keys for number in range(1, count + 1)}


def in_order(effects: list[tuple[str, int]]) -> bool:
    keys = {key for key, _ in effects}
    return all(numbers == sorted(numbers) for key in keys for numbers in [[n for found, n in effects if found == key]])


def letters(rig: Rig) -> list[dead_letter_pb2.DeadLetter]:
    request = dead_letter_service_pb2.ListDeadLettersRequest()
    answer = DeadLetterServicer(rig.database).ListDeadLetters(request, None)  # type: ignore[arg-type]
    return list(answer.dead_letters)


def replay(rig: Rig, letter_id: str) -> dead_letter_pb2.DeadLetter:
    request = dead_letter_service_pb2.ReplayDeadLetterRequest(id=letter_id)
    return DeadLetterServicer(rig.database).ReplayDeadLetter(request, None)  # type: ignore[arg-type]


def test_each_effect_happens_once_and_in_order(rig: Rig) -> None:
    rig.relay()
    loop = rig.consume(consumer(rig))
    rig.write([f"k{number % 3}" for number in range(90)])
    wait_until(lambda: len(rig.effects("c")) == 90)
    assert set(rig.effects("c")) == expected("k0", "k1", "k2", count=30)
    assert in_order(rig.effects("c"))
    assert loop.healthy() == (True, "")
    assert sum(p for (p,) in rig.rows("select position from consumer_position where consumer = 'c'")) == 90
    assert rig.rows("select count(*) from inbox where consumer = 'c'") == [(90,)]


def test_the_unit_of_work_is_the_events_organisations(rig: Rig) -> None:
    seen: list[tuple[UUID | None, Actor, str]] = []

    def handle(unit: UnitOfWork, event: Event) -> None:
        seen.append((unit.org_id, unit.actor, unit.correlation_id))

    rig.relay()
    rig.consume(consumer(rig, handler=handle))
    rig.write(["a"])
    rig.write(["a"], org_id=None)
    wait_until(lambda: len(seen) == 2)
    assert seen[0] == (ORG, Actor(service="sample"), "c-1")
    assert seen[1][0] is None


def test_a_platform_consumer_sees_every_organisation_from_the_platform(rig: Rig) -> None:
    seen: list[UUID | None] = []
    rig.relay()
    rig.consume(consumer(rig, handler=lambda unit, event: seen.append(unit.org_id), platform=True))
    rig.write(["a"])
    rig.write(["a"], org_id=uuid4())
    wait_until(lambda: len(seen) == 2)
    assert seen == [None, None]


def test_several_consumers_each_get_every_event(rig: Rig) -> None:
    rig.relay()
    for name in ("first", "second"):
        rig.consume(consumer(rig, name))
    rig.write(["a"] * 20)
    for name in ("first", "second"):
        wait_until(partial(lambda name: rig.effects(name) == [("a", number) for number in range(1, 21)], name))


def test_an_event_that_is_published_again_has_no_second_effect(rig: Rig) -> None:
    events = [rig.event("a", number) for number in range(1, 11)]
    rig.publish(*events[:6])
    rig.publish(*events)
    rig.consume(consumer(rig))
    wait_until(lambda: sum(p for (p,) in rig.rows("select position from consumer_position")) == 16)
    assert rig.effects("c") == [("a", number) for number in range(1, 11)]


def test_events_of_other_types_are_passed_over(rig: Rig) -> None:
    rig.relay()
    rig.consume(consumer(rig, types={"raia.ingest.events.v1.DatasetDeleted"}))
    rig.write(["a"] * 30)
    wait_until(lambda: sum(p for (p,) in rig.rows("select position from consumer_position")) == 30)
    assert rig.effects("c") == []


def test_a_consumer_that_starts_at_the_head_goes_on_where_it_was(rig: Rig) -> None:
    rig.relay()
    rig.write(["a"] * 5)
    wait_until(lambda: sum(rig.log.head(rig.topic).values()) == 5)
    loop = rig.consume(consumer(rig, start="head"))
    wait_until(lambda: rig.rows("select 1 from consumer_position where consumer = 'c'"))
    assert loop.stop(10)
    rig.write(["a"] * 5)
    wait_until(lambda: sum(rig.log.head(rig.topic).values()) == 10)
    rig.consume(consumer(rig, start="head"))
    wait_until(lambda: len(rig.effects("c")) == 5)
    assert rig.effects("c") == [("a", number) for number in range(6, 11)]


def test_a_failed_attempt_leaves_nothing_and_is_repeated(rig: Rig) -> None:
    failures: Counter[int] = Counter()

    def handle(unit: UnitOfWork, event: Event) -> None:
        write_effect("c")(unit, event)
        failures[number_of(event)] += 1
        if failures[number_of(event)] < 3:
            raise Poison

    rig.relay()
    rig.consume(consumer(rig, handler=handle))
    rig.write(["a"] * 4)
    wait_until(lambda: len(rig.effects("c")) == 4)
    assert rig.effects("c") == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]
    assert letters(rig) == []


def test_one_replica_works_and_another_takes_over(rig: Rig) -> None:
    rig.relay()
    other = rig.start(DirectSession(rig.service.url, service="sample"))
    where: list[str] = []

    def handler(name: str):  # type: ignore[no-untyped-def]
        def handle(unit: UnitOfWork, event: Event) -> None:
            where.append(name)
            write_effect("c")(unit, event)

        return handle

    first = rig.consume(consumer(rig, handler=handler("first")))
    rig.write(["a"])
    wait_until(lambda: len(where) == 1)
    second = rig.consume(consumer(rig, handler=handler("second")), session=other)
    rig.write(["a"] * 20)
    wait_until(lambda: len(where) == 21)
    assert set(where) == {"first"}
    assert second.healthy() == (True, "")
    assert first.stop(10)
    rig.write(["a"] * 20)
    wait_until(lambda: len(rig.effects("c")) == 41)
    assert where[21:] == ["second"] * 20
    assert rig.effects("c") == [("a", number) for number in range(1, 42)]


def test_two_that_both_believe_to_hold_the_lock_do_nothing_twice(rig: Rig) -> None:
    others = [rig.start(DirectSession(rig.service.url, service=f"other{number}")) for number in range(2)]
    loops = [rig.consume(consumer(rig), session=session) for session in others]
    for loop in loops:  # each with a lock of its own
        wait_until(partial(getattr, loop, "_lease"))
        loop._lease.assign(True)  # type: ignore[union-attr]
    rig.publish(*[rig.event(f"k{number % 3}", number) for number in range(1, 151)])
    wait_until(lambda: len(rig.effects("c")) >= 150)
    time.sleep(0.3)
    effects = rig.effects("c")
    assert len(effects) == len(set(effects)) == 150
    assert in_order(effects)


def test_nothing_is_lost_when_the_session_breaks_in_the_middle_of_a_batch(rig: Rig) -> None:
    def handle(unit: UnitOfWork, event: Event) -> None:
        time.sleep(0.002)
        write_effect("c")(unit, event)

    loop = rig.consume(consumer(rig, handler=handle))
    rig.publish(*[rig.event(f"k{number % 3}", number) for number in range(1, 401)])
    broken = 0
    while len(rig.effects("c")) < 400:
        broken += rig.end_sessions("raia-sample-session")
        time.sleep(0.25)
    assert broken > 1
    effects = rig.effects("c")
    assert sorted(number for _, number in effects) == list(range(1, 401))
    assert in_order(effects)
    wait_until(lambda: loop.healthy() == (True, ""))


def test_a_batch_of_one_organisation_is_handled_at_once_and_one_by_one_when_that_fails(rig: Rig) -> None:
    sizes: list[int] = []

    def handle(unit: UnitOfWork, event: Event) -> None:
        if number_of(event) == 13:
            raise Poison
        write_effect("c")(unit, event)

    def handle_all(unit: UnitOfWork, events: Sequence[Event]) -> None:
        for event in events:
            handle(unit, event)
        sizes.append(len(events))

    events = [rig.event("a", number) for number in range(1, 101)]
    rig.publish(*events[:50])
    rig.publish(*events[40:])
    rig.consume(consumer(rig, handler=handle, batch_handler=handle_all, attempts=1))
    wait_until(lambda: sum(p for (p,) in rig.rows("select position from consumer_position")) == 110)
    assert [number for _, number in rig.effects("c")] == [number for number in range(1, 101) if number != 13]
    assert len(letters(rig)) == 1
    rig.publish(*[rig.event("a", number) for number in range(101, 151)])
    wait_until(lambda: len(rig.effects("c")) == 149)
    assert max(sizes) > 10
    assert rig.rows("select count(*) from inbox") == [(149,)]


def test_poison_is_set_aside_listed_and_replayed(rig: Rig) -> None:
    healed = threading.Event()

    def handle(unit: UnitOfWork, event: Event) -> None:
        if number_of(event) == 2 and not healed.is_set():
            raise Poison("a secret")
        write_effect("c")(unit, event)

    rig.relay()
    rig.consume(consumer(rig, handler=handle, attempts=3))
    rig.write(["a"] * 4)
    wait_until(lambda: len(rig.effects("c")) == 3)
    assert rig.effects("c") == [("a", 1), ("a", 3), ("a", 4)]
    [letter] = letters(rig)
    assert (letter.service, letter.consumer, letter.topic, letter.status) == ("sample", "c", rig.topic, "waiting")
    assert (letter.error, letter.attempts, letter.org_id) == ("Poison", 3, str(ORG))
    assert letter.event_type == "raia.ingest.events.v1.DatasetUploaded"
    assert '"version":2' in letter.payload_json.replace(" ", "")

    assert replay(rig, letter.id).status == "replaying"
    wait_until(lambda: letters(rig)[0].status == "waiting")
    assert letters(rig)[0].attempts == 4

    healed.set()
    assert replay(rig, letter.id).status == "replaying"
    wait_until(lambda: letters(rig)[0].status == "replayed")
    assert rig.effects("c")[-1] == ("a", 2)
    with pytest.raises(FailedPrecondition):
        replay(rig, letter.id)
    assert len(rig.effects("c")) == 4


def test_what_was_set_aside_is_told_on_the_dead_letter_topic(rig: Rig) -> None:
    def fail(unit: UnitOfWork, event: Event) -> None:
        raise Poison

    rig.relay()
    reader = rig.reader("raia.sample.dead_letter", start="head")
    rig.consume(consumer(rig, handler=fail, attempts=2))
    rig.write(["a"])
    found: list[Event] = []
    while not found:
        found += reader.poll(5.0).events
    told = found[0].decode()
    assert isinstance(told, dead_letter_events_pb2.EventSetAside)
    assert (told.consumer, told.topic, told.error, told.attempts) == ("c", rig.topic, "Poison", 2)
    assert told.dead_letter_id == letters(rig)[0].id


@pytest.mark.parametrize("error", [Unavailable("away", reason="X"), Aborted("a conflict", reason="X")])
def test_faults_that_pass_never_make_a_dead_letter(postgres_rig: Rig, error: Exception) -> None:
    attempts = 0

    def handle(unit: UnitOfWork, event: Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 6:
            raise error
        write_effect("c")(unit, event)

    postgres_rig.relay()
    loop = postgres_rig.consume(consumer(postgres_rig, handler=handle, attempts=2))
    postgres_rig.write(["a"])
    wait_until(lambda: attempts >= 3)
    assert not loop.healthy()[0]
    wait_until(lambda: postgres_rig.effects("c") == [("a", 1)])
    assert letters(postgres_rig) == []
    wait_until(lambda: loop.healthy() == (True, ""))


def test_a_bad_release_cannot_drain_a_topic(postgres_rig: Rig) -> None:
    mended = threading.Event()

    def handle(unit: UnitOfWork, event: Event) -> None:
        if not mended.is_set():
            raise Poison
        write_effect("c")(unit, event)

    postgres_rig.relay()
    limited = consumer(postgres_rig, handler=handle, attempts=1, dead_letter_limit=3, pause_seconds=0.2)
    loop = postgres_rig.consume(limited)
    postgres_rig.write(["a"] * 10)
    wait_until(lambda: "paused" in loop.healthy()[1])
    assert not loop.healthy()[0]
    time.sleep(0.7)
    assert len(letters(postgres_rig)) == 3
    assert loop.stop(10)
    again = postgres_rig.consume(limited)
    wait_until(lambda: "paused" in again.healthy()[1])
    assert len(letters(postgres_rig)) == 3, "a restart does not reset the limit"
    mended.set()
    wait_until(lambda: len(postgres_rig.effects("c")) == 7)
    wait_until(lambda: again.healthy() == (True, ""))
    assert [number for _, number in postgres_rig.effects("c")] == list(range(4, 11))


def test_an_event_of_an_unknown_type_becomes_a_dead_letter(postgres_rig: Rig) -> None:
    rig = postgres_rig
    unknown = dataclasses.replace(rig.event("a", 1), type="raia.ingest.events.v99.Invented")
    rig.publish(unknown, rig.event("a", 2))
    rig.consume(consumer(rig, attempts=2))
    wait_until(lambda: rig.effects("c") == [("a", 2)])
    [letter] = letters(rig)
    assert (letter.error, letter.payload_json) == ("UnknownEventType", "")


def test_a_position_that_has_left_the_log_makes_it_unhealthy(postgres_rig: Rig) -> None:
    rig = postgres_rig
    rig.publish(*[rig.event("a", number) for number in range(1, 6)])
    loop = rig.consume(consumer(rig))
    wait_until(lambda: len(rig.effects("c")) == 5)
    assert loop.stop(10)
    rig.publish(*[rig.event("a", number) for number in range(6, 11)])
    rig.rows("with gone as (delete from raia_log.event where position <= 8 returning 1) select count(*) from gone")
    again = rig.consume(consumer(rig))
    wait_until(lambda: not again.healthy()[0])
    assert "OutOfRange" in again.healthy()[1]
    assert len(rig.effects("c")) == 5


def test_dead_letters_are_paged_newest_first(postgres_rig: Rig) -> None:
    rig = postgres_rig

    def fail(unit: UnitOfWork, event: Event) -> None:
        raise Poison

    rig.relay()
    rig.consume(consumer(rig, handler=fail, attempts=1))
    rig.write(["a"] * 7)
    wait_until(lambda: len(letters(rig)) == 7)
    servicer, token, found = DeadLetterServicer(rig.database), "", []
    while True:
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=3, page_token=token)
        page = servicer.ListDeadLetters(request, None)  # type: ignore[arg-type]
        found.append([int(letter.position.split("/")[1]) for letter in page.dead_letters])
        token = page.next_page_token
        if not token:
            break
    assert found == [[7, 6, 5], [4, 3, 2], [1]]
    with pytest.raises(InvalidArgument):
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_token="nonsense!")
        servicer.ListDeadLetters(request, None)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        replay(rig, str(uuid4()))


def test_dead_letters_are_served_in_the_rpcs_own_unit_of_work(postgres_rig: Rig) -> None:
    rig = postgres_rig

    def fail(unit: UnitOfWork, event: Event) -> None:
        raise Poison

    rig.relay()
    rig.consume(consumer(rig, handler=fail, attempts=1))
    rig.write(["a"])
    wait_until(lambda: letters(rig))
    [replay_rpc] = [
        method
        for method in all_methods()
        if method.full_name.endswith("platform.v1.DeadLetterService/ReplayDeadLetter")
    ]
    with pytest.raises(LookupError), rig.database.unit_of_work(ORG) as unit:
        with serving(Call(replay_rpc, "r", "c", {}, unit=unit)):
            replayed = replay(rig, letters(rig)[0].id)
        assert replayed.status == "replaying"
        unit.audit("dead_letter.replay")  # still as the tenant
        raise LookupError
    assert letters(rig)[0].status == "waiting", "it was rolled back with the rpc's transaction"


def test_a_consumers_name_is_checked() -> None:
    with pytest.raises(ValueError, match="no name"):
        Consumer("Not A Name", ["t"], write_effect("c"))
