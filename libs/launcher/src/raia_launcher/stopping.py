"""Signals that ask the supervisor to stop, heard also where a shell has set them to be ignored."""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Self


class StopRequested(BaseException):
    """A signal asked to stop while the platform was starting; not an ``Exception``, so that nothing swallows it."""


class StopSignals:
    """Counts SIGINT and SIGTERM, and wakes ``wait`` when one comes or a child ends. For the main thread.

    Scripts and CI start background commands with SIGINT ignored, and that is inherited: so the handlers are installed
    explicitly. SIGHUP stays ignored where it is, which is what nohup asks for.
    """

    def __init__(self, *, with_parent: bool = False) -> None:
        """``with_parent``: the end of the process that started this one counts as a signal; ``wait`` notices it.

        So does its having been interrupted: make, sent SIGINT alone, passes nothing on and waits for its command, but
        no longer catches the signal. (Where make inherited SIGINT as ignored it never learns of one.)
        """
        self.count = 0
        self._parent = os.getppid() if with_parent else None
        self._parent_caught = with_parent and _catches_interrupts(os.getppid())
        self.on_second: Callable[[], None] = lambda: None
        self._raising = False
        self._read, self._write = -1, -1

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        stopping = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            stopping.append(signal.SIGHUP)
        for number in stopping:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """In this block the first signal raises ``StopRequested`` where it finds the program."""
        if self.count:
            raise StopRequested
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def wait(self, seconds: float) -> None:
        """Sleeps until a signal comes, a child ends, or the time is over."""
        select.select([self._read], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        if self._parent is None or self.count:
            return
        if os.getppid() != self._parent or (self._parent_caught and not _catches_interrupts(self._parent)):
            self._stop(signal.SIGTERM, None)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            self.on_second()
        elif self._raising:
            self._raising = False
            raise StopRequested


def _catches_interrupts(pid: int) -> bool:
    """Whether the process has a handler for SIGINT; False where the kernel does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)
