"""A daemon thread that repeats one step, survives its failures and tells how it is."""

import logging
import random
import threading

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


def backoff(failures: int, *, first: float = _FIRST_PAUSE, longest: float = _LONGEST_PAUSE) -> float:
    """Seconds to wait after the given number of failures in a row: doubling up to ``longest``, with jitter of half."""
    ceiling: float = min(longest, first * 2 ** min(max(failures - 1, 0), 20))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


class Loop:
    """Repeats ``step`` in a daemon thread; a step that raises is repeated after a growing pause.

    A subclass gives ``step`` and, if it holds anything, ``release``, both called in the thread alone.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._fault = ""

    def start(self) -> None:
        """Starts the thread; it may be started again after ``stop``."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Asks the thread to end after the work at hand; False when it has not within ``timeout`` seconds."""
        self._stopping.set()
        self.wake()
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def wake(self) -> None:
        """Ends the pause between two steps early, from any thread."""
        self._woken.set()

    def healthy(self) -> tuple[bool, str]:
        """Whether it runs and its last step went well, and if not a sentence that says why, free of secrets."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return False, f"{self.name} is not running"
        return (False, self._fault) if self._fault else (True, "")

    def step(self) -> float:
        """One piece of work; returns the seconds to wait before the next, 0 for none."""
        raise NotImplementedError

    def release(self) -> None:
        """Gives back what the thread holds: called after a failed step and at the end."""

    def pause(self, seconds: float) -> bool:
        """Waits within a step; False when the loop is to stop."""
        return not self._stopping.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping.is_set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                seconds = self.step()
            except Exception as error:
                self._failed(error)
                continue
            self._failures, self._fault = 0, ""
            if seconds > 0:
                self._woken.wait(seconds)
        self._release()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._fault = f"{self.name} fails with {type(error).__name__}, {self._failures} times in a row"
        # A fault that lasts is told at 1, 2, 4, 8 … failures: often enough to see, too rarely to flood.
        if self._failures & (self._failures - 1) == 0:
            _LOG.warning("%s", self._fault, exc_info=error)
        self._release()
        self._stopping.wait(backoff(self._failures))

    def _release(self) -> None:
        try:
            self.release()
        except Exception:
            _LOG.warning("%s could not release what it holds", self.name, exc_info=True)
