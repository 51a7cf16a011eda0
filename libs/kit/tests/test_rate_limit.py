"""One suite for both limiters, and what is particular to each."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from raia.options.v1 import options_pb2
from raia_kit import rate_limit
from raia_kit.errors import ResourceExhausted
from raia_kit.ids import new_id
from raia_kit.rate_limit import InProcessRateLimiter, Rate, RateLimiter, enforce
from raia_kit.redis_client import connect
from raia_kit.redis_rate_limit import RedisRateLimiter
from raia_kit.settings import ServiceSettings

REDIS = pytest.param("redis", marks=pytest.mark.servers("redis"))
IN_PROCESS = pytest.param("in_process", marks=pytest.mark.fast)


@pytest.fixture(params=[IN_PROCESS, REDIS])
def limits(request: pytest.FixtureRequest) -> RateLimiter:
    if request.param == "in_process":
        return InProcessRateLimiter()
    return RedisRateLimiter(connect(request.getfixturevalue("redis_url")), prefix=f"test:{new_id()}:")


def test_a_full_bucket_gives_its_capacity_and_then_refuses(limits: RateLimiter) -> None:
    rate = Rate(capacity=5, per_second=0.01)
    decisions = [limits.take("a", rate) for _ in range(6)]
    assert [d.allowed for d in decisions] == [True] * 5 + [False]
    assert [d.remaining for d in decisions] == [4, 3, 2, 1, 0, 0]
    assert 90 < decisions[-1].retry_after <= 100
    assert decisions[0].retry_after == 0


def test_keys_have_buckets_of_their_own(limits: RateLimiter) -> None:
    rate = Rate(capacity=1, per_second=0.01)
    assert limits.take("a", rate).allowed
    assert limits.take("b", rate).allowed
    assert not limits.take("a", rate).allowed


def test_a_bucket_fills_again(limits: RateLimiter) -> None:
    rate = Rate(capacity=2, per_second=20)
    assert [limits.take("a", rate, 2).allowed for _ in range(2)] == [True, False]
    time.sleep(0.15)
    assert limits.take("a", rate, 2).allowed


def test_a_refused_call_takes_nothing(limits: RateLimiter) -> None:
    rate = Rate(capacity=3, per_second=0.001)
    assert limits.take("a", rate, 2).allowed
    assert not limits.take("a", rate, 2).allowed
    assert limits.take("a", rate, 1).allowed


def test_callers_at_once_get_no_more_than_there_is(limits: RateLimiter) -> None:
    rate = Rate(capacity=50, per_second=0.001)
    with ThreadPoolExecutor(16) as pool:
        allowed = sum(pool.map(lambda _: limits.take("a", rate).allowed, range(400)))
    assert allowed == 50


def test_what_costs_more_than_a_bucket_holds_is_refused(limits: RateLimiter) -> None:
    decision = limits.take("a", Rate(capacity=3, per_second=1), 4)
    assert (decision.allowed, decision.remaining) == (False, 0)


@pytest.mark.fast
@given(
    st.integers(1, 20),
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.5, 3)), min_size=1, max_size=60),
)
def test_never_more_than_the_rate_allows(capacity: int, per_second: float, calls: list[tuple[float, float]]) -> None:
    now = [0.0]
    limits = InProcessRateLimiter(now=lambda: now[0])
    taken = 0.0
    for pause, cost in calls:
        now[0] += pause
        decision = limits.take("a", Rate(capacity, per_second), cost)
        taken += cost * decision.allowed
        assert taken <= capacity + now[0] * per_second + 1e-6
        if not decision.allowed and cost <= capacity:
            now[0] += decision.retry_after + 1e-6
            assert limits.take("a", Rate(capacity, per_second), cost).allowed
            taken += cost


@pytest.mark.fast
def test_their_number_is_bounded_and_the_oldest_go_first() -> None:
    limits = InProcessRateLimiter(largest=2)
    rate = Rate(capacity=1, per_second=0.001)
    for key in "abc":
        limits.take(key, rate)
    assert not limits.take("c", rate).allowed
    assert limits.take("a", rate).allowed


@pytest.mark.fast
def test_without_redis_each_process_limits_by_itself(free_tcp_port: int) -> None:
    limits = RedisRateLimiter(connect(f"redis://127.0.0.1:{free_tcp_port}/0"))
    rate = Rate(capacity=2, per_second=0.001)
    started = time.monotonic()
    assert [limits.take("a", rate).allowed for _ in range(3)] == [True, True, False]
    assert time.monotonic() - started < 2


@pytest.mark.servers("redis")
def test_buckets_in_redis_vanish_once_full(redis_url: str) -> None:
    client, prefix = connect(redis_url), f"test:{new_id()}:"
    RedisRateLimiter(client, prefix=prefix).take("a", Rate(capacity=10, per_second=5))
    left = client.pttl(f"{prefix}a")
    assert isinstance(left, int)
    assert 0 < left <= 1200


@pytest.mark.fast
def test_the_error_says_when_to_try_again() -> None:
    limits, rate = InProcessRateLimiter(), Rate.per_minute(30)
    for _ in range(30):
        enforce(limits, "a", rate)
    with pytest.raises(ResourceExhausted) as refused:
        enforce(limits, "a", rate)
    assert refused.value.reason == "RATE_LIMITED"
    assert refused.value.retry_after == pytest.approx(2, abs=0.1)
    assert refused.value.metadata == {"retry_after_seconds": "2"}


@pytest.mark.fast
def test_settings_choose_limiter_and_rates() -> None:
    settings = ServiceSettings(rate_limit_sign_in=6)
    assert isinstance(rate_limit.limiter(settings), InProcessRateLimiter)
    named = ServiceSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"))
    assert isinstance(rate_limit.limiter(named), RedisRateLimiter)
    rates = rate_limit.rates(settings)
    assert rates[options_pb2.RATE_CLASS_SIGN_IN] == Rate(capacity=6, per_second=0.1)
    assert options_pb2.RATE_CLASS_UNLIMITED not in rates


@pytest.fixture
def free_tcp_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
