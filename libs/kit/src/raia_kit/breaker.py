"""What keeps a failing service from being called to death: a circuit breaker and a budget of retries."""

import threading
import time
from collections.abc import Callable

from raia_kit.errors import Unavailable


class CircuitBreaker:
    """Refuses calls to a service that failed several times in a row, and lets single ones probe whether it is back.

    Closed, every call goes through. After ``failures`` in a row it opens and refuses for ``pause`` seconds; then it is
    half open: one call at a time probes. A probe that succeeds closes it, one that fails opens it for twice as long,
    up to ``longest``. Safe to share between threads.
    """

    _PROBE_SECONDS = 10.0

    def __init__(
        self,
        service: str,
        *,
        failures: int = 5,
        pause: float = 0.5,
        longest: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service, self._threshold = service, failures
        self._first_pause, self._longest, self._now = pause, longest, now
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = pause
        self._closed = True
        self._retry_at = 0.0
        self._ticket = 0

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        with self._lock:
            if self._closed:
                return "closed"
            return "open" if self._now() < self._retry_at else "half_open"

    def admit(self) -> int:
        """A ticket for one attempt, to be given back by ``succeeded`` or ``failed``.

        Raises ``Unavailable`` (SERVICE_UNAVAILABLE) while the breaker is open or another call probes.
        """
        with self._lock:
            if not self._closed:
                now = self._now()
                if now < self._retry_at:
                    raise Unavailable(
                        f"the {self._service} service is away; try again",
                        reason="SERVICE_UNAVAILABLE",
                        metadata={"service": self._service},
                        retry_after=self._retry_at - now,
                    )
                # This call probes. Should nobody ever hear of it again, the next may probe after a while.
                self._retry_at = now + self._PROBE_SECONDS
                self._ticket += 1
            return self._ticket

    def succeeded(self, ticket: int) -> None:
        """The attempt reached the service, whatever it answered."""
        with self._lock:
            if ticket == self._ticket:  # an answer from before the last change of state says nothing about now
                if not self._closed:
                    self._ticket += 1
                self._closed, self._failures, self._pause = True, 0, self._first_pause

    def failed(self, ticket: int) -> None:
        """The attempt did not reach the service, or the service did not answer."""
        with self._lock:
            if ticket != self._ticket:
                return
            if self._closed:
                self._failures += 1
                if self._failures < self._threshold:
                    return
            else:
                self._pause = min(self._longest, self._pause * 2)
            self._closed = False
            self._ticket += 1
            self._retry_at = self._now() + self._pause

    def abandoned(self, ticket: int) -> None:
        """The attempt ended before it was known whether the service answers; another may probe at once."""
        with self._lock:
            if ticket == self._ticket and not self._closed:
                self._ticket += 1
                self._retry_at = self._now()


class RetryBudget:
    """Bounds retries to a share of the calls, so that an outage is not multiplied. Safe to share between threads.

    Each success earns ``ratio`` of a retry; the budget holds ``most`` and starts full.
    """

    def __init__(self, *, most: float = 10.0, ratio: float = 0.1) -> None:
        self._most, self._ratio = most, ratio
        self._left = most
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A call succeeded."""
        with self._lock:
            self._left = min(self._most, self._left + self._ratio)

    def spend(self) -> bool:
        """Takes one retry; False when none is left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True
