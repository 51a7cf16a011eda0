"""The connection to Redis and how long it is left alone when it is away: it speeds things up and never stops them."""

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_LOG = logging.getLogger(__name__)
_TIMEOUT = 0.5
_PAUSE = 1.0


def connect(url: str) -> Redis:
    """A client for the URL, with a pool; a call that Redis does not answer fails within about a second."""
    return Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 1),  # one stale pooled connection is replaced; an outage is not waited out
        health_check_interval=30,
    )


class Outage:
    """Remembers that Redis did not answer, so that callers do without it for a second instead of waiting each time."""

    def __init__(self, what: str, now: Callable[[], float] = time.monotonic) -> None:
        """``what`` ends the sentence of the log: what holds until Redis is back."""
        self._what, self._now = what, now
        self._until = float("-inf")
        self._away = False
        self._lock = threading.Lock()

    @property
    def lasting(self) -> bool:
        """Whether Redis failed within the last second."""
        return self._now() < self._until

    def begin(self, error: Exception) -> None:
        """Redis failed."""
        with self._lock:
            self._until = self._now() + _PAUSE
            first, self._away = not self._away, True
        if first:
            _LOG.warning("Redis is away (%s): %s", type(error).__name__, self._what)

    def end(self) -> None:
        """Redis answered."""
        if self._away:
            with self._lock:
                back, self._away = self._away, False
            if back:
                _LOG.info("Redis is back")
