"""Tails: current state in memory, never silently stale."""

import math
import threading
import time

from raia_kit.events.envelope import Event
from raia_kit.events.log import Positions
from raia_kit.events.tail import Tail

from .rig import Rig, number_of, wait_until


def test_gives_every_event_in_order_and_tells_when_it_is_current(rig: Rig) -> None:
    rig.relay()
    rig.write(["a", "b"] * 20)
    wait_until(lambda: sum(rig.log.head(rig.topic).values()) == 40)
    got: list[Event] = []
    tail = Tail("tail", rig.log, [rig.topic], got.append, start="earliest")
    assert tail.age() == math.inf
    begin = time.monotonic()
    rig.start(tail)
    wait_until(lambda: tail.caught_up_at >= begin)
    assert len(got) == 40
    rig.write(["a", "b"] * 20)
    wait_until(lambda: len(got) == 80)
    for key in ("a", "b"):
        assert [number_of(event) for event in got if event.key == key] == list(range(1, 41))
    time.sleep(1.5)
    assert tail.age() < 2, "it stays current without events"
    assert sum(tail.positions.values()) == 80
    assert tail.healthy() == (True, "")


def test_starts_after_the_positions_at_which_the_state_was_read(rig: Rig) -> None:
    rig.publish(*[rig.event("a", number) for number in range(1, 11)])
    reader = rig.reader(rig.topic)
    wait_until(lambda: sum(reader.positions.values()) == 10 or not reader.poll(0.5))
    rig.publish(*[rig.event("a", number) for number in range(11, 21)])
    got: list[int] = []
    rig.start(Tail("tail", rig.log, [rig.topic], lambda event: got.append(number_of(event)), after=reader.positions))
    wait_until(lambda: len(got) == 10)
    assert got == list(range(11, 21))


def test_an_event_that_is_published_again_is_given_once(rig: Rig) -> None:
    events = [rig.event("a", number) for number in range(1, 11)]
    rig.publish(*events[:5])
    rig.publish(*events)
    got: list[int] = []
    tail = Tail("tail", rig.log, [rig.topic], lambda event: got.append(number_of(event)), start="earliest")
    rig.start(tail)
    wait_until(lambda: sum(tail.positions.values()) == 15)
    assert got == list(range(1, 11))


def test_a_callback_that_fails_gets_the_event_again_and_the_state_ages(rig: Rig) -> None:
    healed = threading.Event()
    got: list[int] = []

    def take(event: Event) -> None:
        if number_of(event) == 3 and not healed.is_set():
            raise RuntimeError("not yet")
        got.append(number_of(event))

    tail = Tail("tail", rig.log, [rig.topic], take)
    rig.start(tail)
    wait_until(lambda: tail.age() < math.inf)
    rig.publish(*[rig.event("a", number) for number in range(1, 6)])
    wait_until(lambda: not tail.healthy()[0])
    stale = tail.caught_up_at
    time.sleep(0.5)
    assert tail.caught_up_at == stale
    assert got == [1, 2]
    healed.set()
    wait_until(lambda: got == [1, 2, 3, 4, 5])
    wait_until(lambda: tail.healthy() == (True, ""))
    wait_until(lambda: tail.caught_up_at > stale)


def test_reads_the_state_again_when_the_log_has_moved_on(postgres_rig: Rig) -> None:
    rig = postgres_rig
    rig.publish(*[rig.event("a", number) for number in range(1, 11)])
    old: Positions = dict.fromkeys(rig.reader(rig.topic).positions, 2)
    rig.rows("with gone as (delete from raia_log.event where position <= 5 returning 1) select count(*) from gone")
    got: list[int] = []
    stuck = Tail("stuck", rig.log, [rig.topic], lambda event: None, after=old)
    rig.start(stuck)
    wait_until(lambda: "OutOfRange" in stuck.healthy()[1])
    tail = Tail(
        "tail",
        rig.log,
        [rig.topic],
        lambda event: got.append(number_of(event)),
        after=old,
        on_expired=lambda: dict.fromkeys(old, 8),
    )
    rig.start(tail)
    wait_until(lambda: got == [9, 10])
    assert tail.healthy() == (True, "")
