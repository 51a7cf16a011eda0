"""Rate limits: token buckets by key, in the process or, where several replicas share them, in Redis."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from raia.options.v1 import options_pb2

from raia_kit.errors import ResourceExhausted
from raia_kit.settings import ServiceSettings


@dataclass(frozen=True)
class Rate:
    """A bucket's size and how fast it fills: ``capacity`` calls at once, ``per_second`` on average."""

    capacity: float
    per_second: float

    def __post_init__(self) -> None:
        if not (self.capacity >= 1 and self.per_second > 0):
            raise ValueError("a bucket holds at least one call and fills")

    @classmethod
    def per_minute(cls, calls: int) -> "Rate":
        """``calls`` a minute on average, and as many at once after a minute's rest."""
        return cls(capacity=calls, per_second=calls / 60)


@dataclass(frozen=True)
class Decision:
    """Whether a call may go on, how many more may follow at once, and else after how many seconds to try again."""

    allowed: bool
    remaining: int
    retry_after: float


class RateLimiter(Protocol):
    """Token buckets by key; safe to share between threads."""

    def take(self, key: str, rate: Rate, cost: float = 1.0) -> Decision:
        """Takes ``cost`` calls out of the bucket if it holds as many; a refused call takes nothing."""


class InProcessRateLimiter:
    """Buckets of this process alone; those that are full again are forgotten first when there are too many."""

    def __init__(self, *, largest: int = 100_000, now: Callable[[], float] = time.monotonic) -> None:
        self._largest, self._now = largest, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, rate: Rate, cost: float = 1.0) -> Decision:
        """As ``RateLimiter.take``."""
        with self._lock:
            now = self._now()
            tokens, then = self._buckets.get(key, (rate.capacity, now))
            tokens = min(rate.capacity, tokens + max(0.0, now - then) * rate.per_second)
            allowed = tokens >= cost
            tokens -= cost if allowed else 0.0
            self._buckets[key] = (tokens, now)
            self._buckets.move_to_end(key)  # the first are those not called for longest, so the fullest
            while len(self._buckets) > self._largest:
                self._buckets.popitem(last=False)
        return decision(allowed, tokens, rate, cost)


def decision(allowed: bool, tokens: float, rate: Rate, cost: float) -> Decision:
    """The decision for a bucket that holds ``tokens`` after taking, or refusing to take, ``cost``."""
    if allowed:
        return Decision(True, math.floor(tokens + 1e-9), 0.0)
    return Decision(False, 0, max(0.0, (min(cost, rate.capacity) - tokens) / rate.per_second))


def rates(settings: ServiceSettings) -> dict[int, Rate]:
    """The bucket of each rate class by its number in ``RateClass``; a class without one is unlimited."""
    return {
        options_pb2.RATE_CLASS_UNSPECIFIED: Rate.per_minute(settings.rate_limit_default),
        options_pb2.RATE_CLASS_HEAVY: Rate.per_minute(settings.rate_limit_heavy),
        options_pb2.RATE_CLASS_SIGN_IN: Rate.per_minute(settings.rate_limit_sign_in),
    }


def limiter(settings: ServiceSettings) -> RateLimiter:
    """The limiter that the settings ask for: Redis when they name one, else in the process."""
    url = settings.redis_url.get_secret_value()
    if not url:
        return InProcessRateLimiter()
    from raia_kit.redis_client import connect
    from raia_kit.redis_rate_limit import RedisRateLimiter

    return RedisRateLimiter(connect(url))


def enforce(limits: RateLimiter, key: str, rate: Rate, cost: float = 1.0) -> None:
    """Takes from the bucket or raises ``ResourceExhausted`` (RATE_LIMITED) with the seconds to wait."""
    taken = limits.take(key, rate, cost)
    if not taken.allowed:
        seconds = max(1, math.ceil(taken.retry_after))
        raise ResourceExhausted(
            f"too many calls; try again in {seconds} s",
            reason="RATE_LIMITED",
            metadata={"retry_after_seconds": str(seconds)},
            retry_after=taken.retry_after,
        )
