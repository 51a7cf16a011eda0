"""One compute child as its parent sees it: a process, two pipes, and what it has printed."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, Self

import psutil

from raia_kit.compute_codec import Decoder

_PIPE_BYTES = 1 << 20
_TAIL_LINES = 64
_REMEMBERED = 16
"""Keys of earlier runs that a child is known by."""


class Watching(Protocol):
    """Says when an exchange must end."""

    def check(self) -> None:
        """Raises when it must end now."""

    def pause(self) -> float:
        """Seconds until the next check."""


class ChildEnded(Exception):
    """The child is gone: ``why`` is ``memory`` or ``closed`` if its parent killed it, else empty."""

    def __init__(self, why: str, status: int | None, tail: str) -> None:
        super().__init__(why)
        self.why, self.status, self.tail = why, status, tail


class ChildProcess:
    """A child and the pipes to it. One thread at a time exchanges with it."""

    def __init__(self, process: "subprocess.Popen[bytes]", requests: int, answers: int) -> None:
        self.busy = False
        self.used_at = time.monotonic()
        self._process = process
        self._requests, self._answers = requests, answers
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._why = ""
        self._killed = False
        self._ending = threading.Lock()
        self._printed = threading.Thread(target=self._drain, name=f"compute-output-{process.pid}", daemon=True)
        self._printed.start()

    @classmethod
    def start(cls) -> Self:
        """Starts a child in a session of its own; it is ended by ``kill``, or with the thread that started it."""
        child_reads, requests = os.pipe()
        answers, child_writes = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module, no value from outside
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "raia_kit.compute_child",
                    *map(str, (child_reads, child_writes, os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(child_reads, child_writes),
                start_new_session=True,
            )
        except BaseException:
            os.close(requests)
            os.close(answers)
            raise
        finally:
            os.close(child_reads)
            os.close(child_writes)
        for descriptor in (requests, answers):
            os.set_blocking(descriptor, False)
            with suppress(OSError):  # the user's allowance of pipe memory may be used up; smaller pipes work too
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return cls(process, requests, answers)

    @property
    def pid(self) -> int:
        """The process id, which is its group's id too."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def knows(self, key: str) -> bool:
        """Whether it has run this key of late; False for the empty key."""
        return bool(key) and key in self._known

    def used(self, key: str) -> None:
        """Remembers that it ran ``key`` just now."""
        self.used_at = time.monotonic()
        if key:
            with suppress(ValueError):
                self._known.remove(key)
            self._known.append(key)

    def resident_bytes(self, *, descendants: bool = False) -> int:
        """Resident memory of the process, on request with all below it; 0 when it is gone."""
        try:
            process = psutil.Process(self.pid)
            total: int = process.memory_info().rss
            below = process.children(recursive=True) if descendants else []
        except psutil.Error:
            return 0
        for each in below:
            with suppress(psutil.Error):
                total += each.memory_info().rss
        return total

    def exchange(
        self, request: list[bytes | memoryview], watch: Watching, progress: Callable[[float, str], None] | None
    ) -> dict[str, Any]:
        """Sends a request and waits for its answer; raises ``ChildEnded``, or what ``watch`` or ``progress`` raise."""
        unsent = deque(memoryview(piece) for piece in request if len(piece))
        decoder = Decoder()
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        poller.register(self._requests, select.POLLOUT)
        while True:
            watch.check()
            ready = dict(poller.poll(watch.pause() * 1000))
            if self._requests in ready and not self._send(unsent):
                poller.unregister(self._requests)
            if self._answers not in ready:
                continue
            for message in decoder.feed(self._receive()):
                if "progress" not in message:
                    return dict(message)
                if progress is not None:
                    progress(*message["progress"])

    def kill(self, why: str = "") -> None:
        """Kills the child and all it started; ``why`` is told to whoever waits for its answer."""
        with self._ending:
            if self._killed:  # the id may be another's by now
                return
            self._killed, self._why = True, why
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Kills it and gives its pipes back; for the thread that exchanges with it, or when none does."""
        self.kill()
        for descriptor in (self._requests, self._answers):
            with suppress(OSError):
                os.close(descriptor)
        self._requests = self._answers = -1

    def _send(self, unsent: deque[memoryview]) -> bool:
        """Writes what the pipe takes; False when nothing is left."""
        while unsent:
            try:
                written = os.write(self._requests, unsent[0])
            except BlockingIOError:
                return True
            except BrokenPipeError:
                raise self._ended() from None
            if written == len(unsent[0]):
                unsent.popleft()
            else:
                unsent[0] = unsent[0][written:]
        return False

    def _receive(self) -> bytes:
        try:
            piece = os.read(self._answers, _PIPE_BYTES)
        except BlockingIOError:
            return b""
        if not piece:
            raise self._ended()
        return piece

    def _ended(self) -> ChildEnded:
        self.kill()
        self._printed.join(1)
        return ChildEnded(self._why, self._process.returncode, b"".join(self._tail).decode("utf-8", "replace"))

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as printed:
            for line in printed:
                self._tail.append(line[:2000])
