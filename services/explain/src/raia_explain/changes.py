"""Wakes those who wait for a job of this process; whoever waits for another process's job looks at its row."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.25


class Changes:
    """A signal that something changed; waiting looks again at each signal and every quarter of a second."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def notify(self) -> None:
        """Has everybody who waits look again."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def await_result(self, look: Callable[[], T], done: Callable[[T], bool], seconds: float) -> T:
        """What ``look`` gives once ``done`` says so, or when ``seconds`` have passed."""
        until = time.monotonic() + seconds
        while True:
            seen = self._count
            found = look()
            left = until - time.monotonic()
            if done(found) or left <= 0:
                return found
            self.pause(seen, min(left, _POLL_SECONDS))

    def pause(self, seen: int, seconds: float) -> None:
        """Waits for a signal after the one numbered ``seen``, or for ``seconds``."""
        with self._changed:
            if self._count == seen:
                self._changed.wait(seconds)

    @property
    def seen(self) -> int:
        """The number of the last signal, for ``pause``."""
        return self._count
