"""The breaker opens, probes and closes; retries are bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_kit.breaker import CircuitBreaker, RetryBudget
from raia_kit.errors import Unavailable

pytestmark = pytest.mark.fast


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("ml", failures=3, pause=1, longest=4, now=clock)


def trip(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        breaker.failed(breaker.admit())


def test_failures_in_a_row_open_it(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(2):
        breaker.failed(breaker.admit())
    breaker.succeeded(breaker.admit())
    for _ in range(2):
        breaker.failed(breaker.admit())
    assert breaker.state == "closed"
    breaker.failed(breaker.admit())
    assert breaker.state == "open"
    clock.now += 0.25
    with pytest.raises(Unavailable) as refused:
        breaker.admit()
    assert refused.value.reason == "SERVICE_UNAVAILABLE"
    assert refused.value.retry_after == pytest.approx(0.75)
    assert refused.value.metadata == {"service": "ml"}


def test_half_open_one_call_probes_at_a_time(breaker: CircuitBreaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1
    assert breaker.state == "half_open"
    probe = breaker.admit()
    with pytest.raises(Unavailable):
        breaker.admit()
    breaker.succeeded(probe)
    assert breaker.state == "closed"
    trip_after_close = breaker.admit()
    breaker.failed(trip_after_close)
    assert breaker.state == "closed"


def test_a_probe_that_fails_doubles_the_pause_up_to_the_longest(breaker: CircuitBreaker, clock: Clock) -> None:
    trip(breaker)
    for pause in (1, 2, 4, 4):
        clock.now += pause - 0.01
        assert breaker.state == "open"
        clock.now += 0.01
        breaker.failed(breaker.admit())
    clock.now += 4
    breaker.succeeded(breaker.admit())
    trip(breaker)
    clock.now += 1
    assert breaker.state == "half_open"


def test_answers_from_before_do_not_count(breaker: CircuitBreaker, clock: Clock) -> None:
    early = [breaker.admit() for _ in range(5)]
    trip(breaker)
    breaker.succeeded(early[0])
    assert breaker.state == "open"
    clock.now += 1
    probe = breaker.admit()
    breaker.failed(early[1])
    breaker.succeeded(early[2])
    assert breaker.state == "open"  # the probe is still out
    breaker.succeeded(probe)
    assert breaker.state == "closed"
    breaker.failed(early[3])
    breaker.failed(early[4])
    breaker.failed(breaker.admit())
    assert breaker.state == "closed"


def test_a_probe_that_is_never_heard_of_again_does_not_hold_the_door(breaker: CircuitBreaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1
    breaker.admit()
    clock.now += 10
    breaker.succeeded(breaker.admit())
    assert breaker.state == "closed"


def test_an_abandoned_probe_lets_the_next_one_in(breaker: CircuitBreaker, clock: Clock) -> None:
    trip(breaker)
    clock.now += 1
    breaker.abandoned(breaker.admit())
    breaker.succeeded(breaker.admit())
    assert breaker.state == "closed"


@given(st.lists(st.booleans(), max_size=500))
def test_retries_are_a_share_of_the_successes(outcomes: list[bool]) -> None:
    budget = RetryBudget(most=5, ratio=0.1)
    retries = 0
    for success in outcomes:
        if success:
            budget.earn()
        else:
            retries += budget.spend()
    assert retries <= 5 + 0.1 * sum(outcomes)
