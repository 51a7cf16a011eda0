"""One suite for both caches, and what is particular to each."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from raia_kit.cache import Cache, InProcessCache, cache, entry_size
from raia_kit.ids import new_id
from raia_kit.redis_cache import RedisCache
from raia_kit.redis_client import connect
from raia_kit.settings import ServiceSettings
from redis.exceptions import RedisError

REDIS = pytest.param("redis", marks=pytest.mark.servers("redis"))
IN_PROCESS = pytest.param("in_process", marks=pytest.mark.fast)
Make = Callable[..., Cache]


@pytest.fixture(params=[IN_PROCESS, REDIS])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes caches; with Redis those of one test share what they hold, as replicas do."""
    if request.param == "in_process":
        return InProcessCache
    url, prefix = request.getfixturevalue("redis_url"), f"test:{new_id()}"
    return lambda **options: RedisCache(connect(url), prefix=prefix, **options)


@pytest.fixture
def held(make: Make) -> Cache:
    return make()


def figures(held: Cache) -> dict[str, tuple[int, int, int]]:
    return {one.category: (one.entries, one.hits, one.misses) for one in held.stats()}


def test_a_value_is_kept_for_its_time(held: Cache) -> None:
    assert held.get("models", "a") is None
    held.set("models", "a", b"\x00\xff", 0.3)
    assert held.get("models", "a") == b"\x00\xff"
    assert held.get("datasets", "a") is None
    time.sleep(0.35)
    assert held.get("models", "a") is None
    assert figures(held)["models"] == (0, 1, 2)


def test_an_empty_value_is_a_value(held: Cache) -> None:
    held.set("models", "a", b"", 60)
    assert held.get("models", "a") == b""
    assert held.get_or_compute("models", "a", 60, lambda: b"other") == b""


def test_a_value_is_replaced_and_counted_once(held: Cache) -> None:
    held.set("models", "a", b"x" * 100, 60)
    held.set("models", "a", b"y", 60)
    (stats,) = held.stats()
    assert (stats.entries, stats.bytes) == (1, entry_size("a", b"y"))
    held.set("models", "a", b"z", 0)
    assert held.get("models", "a") is None
    assert held.stats()[0].bytes == 0


def test_a_category_is_cleared_alone(held: Cache) -> None:
    for category in ("models", "datasets"):
        for key in "ab":
            held.set(category, key, b"v", 60)
    assert held.clear("models") == 2
    assert held.get("models", "a") is None
    assert held.get("datasets", "a") == b"v"
    assert held.clear("models") == 0
    assert held.flush() == 2
    assert figures(held)["datasets"] == (0, 0, 0)


def test_a_category_holds_a_bounded_number_of_bytes(make: Make) -> None:
    held = make(max_bytes=10 * entry_size("00", b"v" * 100))
    for number in range(30):
        held.set("models", f"{number:02}", b"v" * 100, 60 + number)
    (stats,) = held.stats()
    assert stats.entries == 10
    assert stats.bytes <= 10 * entry_size("00", b"v" * 100)
    assert held.get("models", "29") == b"v" * 100
    held.set("models", "large", b"v" * 5000, 60)
    assert held.get("models", "large") is None


def test_many_callers_compute_once(held: Cache) -> None:
    calls: list[int] = []

    def compute() -> bytes:
        calls.append(1)
        time.sleep(0.1)
        return b"v"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: held.get_or_compute("models", "a", 60, compute), range(32)))
    assert set(answers) == {b"v"}
    assert len(calls) == 1


def test_different_keys_do_not_wait_for_each_other(held: Cache) -> None:
    both = threading.Barrier(2, timeout=5)

    def compute() -> bytes:
        both.wait()
        return b"v"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: held.get_or_compute("models", key, 60, compute), "ab")) == [b"v", b"v"]


def test_a_failure_is_its_callers_own_and_the_next_computes(held: Cache) -> None:
    def fail() -> bytes:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            held.get_or_compute("models", "a", 60, fail)
    assert held.get_or_compute("models", "a", 60, lambda: b"v") == b"v"


def test_what_was_computed_before_a_clear_is_not_kept_after_it(held: Cache) -> None:
    def compute() -> bytes:
        held.clear("models")
        return b"old"

    assert held.get_or_compute("models", "a", 60, compute) == b"old"
    assert held.get("models", "a") is None


@pytest.mark.servers("redis")
def test_replicas_share_values_clears_and_work(redis_url: str) -> None:
    prefix = f"test:{new_id()}"
    replicas = [RedisCache(connect(redis_url), prefix=prefix) for _ in range(4)]
    calls: list[int] = []

    def compute() -> bytes:
        calls.append(1)
        time.sleep(0.2)
        return b"v"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: replicas[number % 4].get_or_compute("models", "a", 60, compute), range(8)))
    assert len(calls) == 1
    assert replicas[3].clear("models") == 1
    assert all(replica.get("models", "a") is None for replica in replicas)


@pytest.mark.servers("redis")
def test_a_full_category_in_redis_loses_what_ends_soonest(redis_url: str) -> None:
    held = RedisCache(connect(redis_url), prefix=f"test:{new_id()}", max_bytes=2 * entry_size("a", b"v"))
    held.set("models", "a", b"v", 60)
    held.set("models", "b", b"v", 600)
    held.set("models", "c", b"v", 30)
    assert [held.get("models", key) for key in "abc"] == [None, b"v", b"v"]


@pytest.mark.fast
def test_without_redis_values_are_computed_and_kept_for_a_second() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    held = RedisCache(connect(f"redis://127.0.0.1:{port}/0"))
    started = time.monotonic()
    assert held.get("models", "a") is None
    assert held.get_or_compute("models", "a", 60, lambda: b"v") == b"v"
    assert held.get("models", "a") == b"v"
    assert held.stats() == []
    assert time.monotonic() - started < 2
    with pytest.raises(RedisError):
        held.clear("models")


@pytest.mark.fast
def test_the_entry_not_asked_for_longest_goes_first() -> None:
    held = InProcessCache(max_bytes=2 * entry_size("a", b"v"))
    held.set("models", "a", b"v", 60)
    held.set("models", "b", b"v", 60)
    held.get("models", "a")
    held.set("models", "c", b"v", 60)
    assert [held.get("models", key) for key in "abc"] == [b"v", None, b"v"]


@pytest.mark.fast
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.binary(max_size=80), st.integers(0, 5), st.integers(0, 3))))
def test_it_answers_like_a_dictionary_with_times(steps: list[tuple[str, bytes, int, int]]) -> None:
    now = [0.0]
    held, model = InProcessCache(now=lambda: now[0]), dict[str, tuple[bytes, float]]()
    for key, value, ttl, pause in steps:
        held.set("c", key, value, ttl)
        model[key] = (value, now[0] + ttl)
        now[0] += pause
        for name in "abcd":
            expected = model.get(name)
            alive = expected is not None and expected[1] > now[0]
            assert held.get("c", name) == (expected[0] if alive and expected else None)
    alive = {key: value for key, (value, until) in model.items() if until > now[0]}
    for stats in held.stats():
        assert (stats.entries, stats.bytes) == (len(alive), sum(entry_size(k, v) for k, v in alive.items()))


@pytest.mark.fast
def test_settings_choose_the_cache() -> None:
    assert isinstance(cache(ServiceSettings()), InProcessCache)
    assert isinstance(cache(ServiceSettings(redis_url=SecretStr("redis://127.0.0.1:1/0"))), RedisCache)
