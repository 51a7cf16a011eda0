"""A cache of bytes by category and key, in the process or, where several replicas share it, in Redis."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from raia_kit.settings import ServiceSettings

DEFAULT_BYTES = 64 * 1024**2
"""Bytes that one category may hold."""
ENTRY_OVERHEAD = 100
"""Bytes that an entry counts beside its key and value."""


@dataclass(frozen=True)
class CategoryStats:
    """What one category holds and how useful it was since it was last cleared."""

    category: str
    entries: int
    bytes: int
    hits: int
    misses: int


class Cache(Protocol):
    """Values by category and key for a time; safe to share between threads.

    A category holds a bounded number of bytes; an entry that is alone too large for it is not kept.
    """

    def get(self, category: str, key: str) -> bytes | None:
        """The value, or None when it is unknown, expired or was pushed out."""

    def set(self, category: str, key: str, value: bytes, ttl: float) -> None:
        """Keeps the value for ``ttl`` seconds."""

    def get_or_compute(self, category: str, key: str, ttl: float, compute: Callable[[], bytes]) -> bytes:
        """The value, computed when it is not there: by one caller at a time, while the others wait for it.

        What was computed while the category was cleared is answered and not kept. What ``compute`` raises goes to its
        own caller alone; the next one computes.
        """

    def stats(self) -> list[CategoryStats]:
        """One entry per category that was used, by name."""

    def clear(self, category: str) -> int:
        """Forgets a category; returns how many entries it held."""

    def flush(self) -> int:
        """Forgets everything; returns how many entries there were."""


class SingleFlight:
    """Lets one thread at a time work on a key; the others wait."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._flights: dict[object, tuple[threading.Lock, int]] = {}

    def run(self, key: object, work: Callable[[], bytes]) -> bytes:
        """Runs ``work`` when no other thread works on ``key``; ``work`` looks first whether it still must."""
        with self._guard:
            lock, waiting = self._flights.get(key, (threading.Lock(), 0))
            self._flights[key] = (lock, waiting + 1)
        try:
            with lock:
                return work()
        finally:
            with self._guard:
                _, waiting = self._flights[key]
                if waiting == 1:
                    del self._flights[key]
                else:
                    self._flights[key] = (lock, waiting - 1)


@dataclass
class _Category:
    entries: OrderedDict[str, tuple[bytes, float]] = field(default_factory=OrderedDict)
    size: int = 0
    hits: int = 0
    misses: int = 0
    epoch: int = 0
    """Counts clears, so that what was computed before one is not kept after it."""


class InProcessCache:
    """A cache of this process alone; the entry that was not asked for longest goes first."""

    def __init__(self, *, max_bytes: int = DEFAULT_BYTES, now: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._now = max_bytes, now
        self._categories: dict[str, _Category] = {}
        self._lock = threading.Lock()
        self._flights = SingleFlight()

    def get(self, category: str, key: str) -> bytes | None:
        """As ``Cache.get``."""
        with self._lock:
            found = self._find(category, key)
            held = self._category(category)
            held.hits += found is not None
            held.misses += found is None
            return found

    def set(self, category: str, key: str, value: bytes, ttl: float) -> None:
        """As ``Cache.set``."""
        with self._lock:
            self._put(category, key, value, ttl)

    def get_or_compute(self, category: str, key: str, ttl: float, compute: Callable[[], bytes]) -> bytes:
        """As ``Cache.get_or_compute``."""
        value = self.get(category, key)
        return (
            value
            if value is not None
            else self._flights.run((category, key), lambda: self._fill(category, key, ttl, compute))
        )

    def stats(self) -> list[CategoryStats]:
        """As ``Cache.stats``."""
        with self._lock:
            now = self._now()
            for held in self._categories.values():
                for key in [key for key, (_, until) in held.entries.items() if until <= now]:
                    self._drop(held, key)
            return [
                CategoryStats(name, len(held.entries), held.size, held.hits, held.misses)
                for name, held in sorted(self._categories.items())
            ]

    def clear(self, category: str) -> int:
        """As ``Cache.clear``."""
        with self._lock:
            held = self._category(category)
            now = self._now()
            count = sum(until > now for _, until in held.entries.values())
            self._categories[category] = _Category(epoch=held.epoch + 1)
            return count

    def flush(self) -> int:
        """As ``Cache.flush``."""
        with self._lock:
            names = list(self._categories)
        return sum(self.clear(name) for name in names)

    def _fill(self, category: str, key: str, ttl: float, compute: Callable[[], bytes]) -> bytes:
        with self._lock:
            found = self._find(category, key)
            epoch = self._category(category).epoch
        if found is not None:
            return found
        value = compute()
        with self._lock:
            if self._category(category).epoch == epoch:
                self._put(category, key, value, ttl)
        return value

    def _category(self, name: str) -> _Category:
        return self._categories.setdefault(name, _Category())

    def _find(self, category: str, key: str) -> bytes | None:
        held = self._category(category)
        entry = held.entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._now():
            self._drop(held, key)
            return None
        held.entries.move_to_end(key)
        return entry[0]

    def _put(self, category: str, key: str, value: bytes, ttl: float) -> None:
        held = self._category(category)
        self._drop(held, key)
        size = entry_size(key, value)
        if size > self._max_bytes or ttl <= 0:
            return
        held.entries[key] = (value, self._now() + ttl)
        held.size += size
        while held.size > self._max_bytes:
            self._drop(held, next(iter(held.entries)))

    @staticmethod
    def _drop(held: _Category, key: str) -> None:
        entry = held.entries.pop(key, None)
        if entry is not None:
            held.size -= entry_size(key, entry[0])


def entry_size(key: str, value: bytes) -> int:
    """Bytes that an entry counts against its category."""
    return len(key.encode()) + len(value) + ENTRY_OVERHEAD


def cache(settings: ServiceSettings) -> Cache:
    """The cache that the settings ask for: Redis when they name one, else in the process."""
    url = settings.redis_url.get_secret_value()
    if not url:
        return InProcessCache()
    from raia_kit.redis_cache import RedisCache
    from raia_kit.redis_client import connect

    return RedisCache(connect(url))
