"""Wakes those who wait for a job of this process; whoever waits for another process's job looks at its row."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from raia_kit.context import current_call_or_none

T = TypeVar("T")

_POLL_SECONDS = 0.25


class Changes:
    """A signal that something changed; waiting looks again at each signal and every quarter of a second."""

    def __init__(self, most_waiting: int = 8) -> None:
        """``most_waiting`` calls wait at once: each holds a thread, and some must be left for those that do not."""
        self._changed = threading.Condition()
        self._places = threading.Semaphore(max(1, most_waiting))
        self._count = 0

    def notify(self) -> None:
        """Has everybody who waits look again."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def await_result(self, look: Callable[[], T], done: Callable[[T], bool], seconds: float) -> T:
        """What ``look`` gives once ``done`` says so, or when ``seconds`` have passed.

        Earlier when as many wait as may, or when the client of the call at hand has gone.
        """
        seen, until = self.seen, time.monotonic() + seconds
        found = look()
        if done(found) or not self._places.acquire(blocking=False):
            return found
        try:
            while (left := until - time.monotonic()) > 0 and _is_awaited():
                self.pause(seen, min(left, _POLL_SECONDS))
                seen, found = self.seen, look()
                if done(found):
                    break
            return found
        finally:
            self._places.release()

    def pause(self, seen: int, seconds: float) -> None:
        """Waits for a signal after the one numbered ``seen``, or for ``seconds``."""
        with self._changed:
            if self._count == seen:
                self._changed.wait(seconds)

    @property
    def seen(self) -> int:
        """The number of the last signal, for ``pause``."""
        return self._count


def _is_awaited() -> bool:
    call = current_call_or_none()
    return call is None or call.is_active()
