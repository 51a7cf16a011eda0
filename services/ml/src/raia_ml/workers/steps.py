"""Progress that is not lost: whoever listens leaves out what comes too fast, so the last step is told again."""

import threading
from collections.abc import Callable
from typing import Self

_SECONDS = 1.0


class Steps:
    """Passes steps on at once and repeats the last one each second, as long as the block lasts."""

    def __init__(self, progress: Callable[[float, str], None], seconds: float = _SECONDS) -> None:
        self._progress, self._seconds = progress, seconds
        self._last: tuple[float, str] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="steps", daemon=True)

    def __call__(self, fraction: float, message: str) -> None:
        """Begins a step."""
        self._last = (fraction, message)
        self._progress(fraction, message)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(self._seconds):
            if self._last is not None:
                self._progress(*self._last)
