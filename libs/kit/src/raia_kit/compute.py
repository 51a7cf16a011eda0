"""Heavy computing in child processes: started on demand, limited in memory and time, ended when idle.

The process that serves never imports what its children compute with. A child stays warm between runs, so what a
module caches survives. Killing a child is how a run is cancelled.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from raia_kit.compute_child import restore
from raia_kit.compute_codec import encode
from raia_kit.compute_process import ChildEnded, ChildProcess
from raia_kit.errors import Cancelled, DeadlineExceeded, RaiaError, ResourceExhausted, Unavailable

_LOG = logging.getLogger(__name__)
_TICK = 0.1
"""Seconds between looks at a cancel event."""
_MEMORY_TICK = 0.2
"""Seconds between looks at the memory of busy children."""

Progress = Callable[[float, str], None]
"""Takes a fraction from 0 to 1 and a message; called on the thread that waits for the run."""


class ComputeFailed(RaiaError):
    """The function raised something that no caller may see; the log has it."""


@dataclass(frozen=True)
class PoolStats:
    """What a pool is doing."""

    children: int
    busy: int
    waiting: int


@dataclass
class Watch:
    """How long a run may go on: until its deadline, its cancel event, or the end of the pool."""

    deadline: float
    """``time.monotonic()`` value."""
    cancel: threading.Event | None = None

    def check(self) -> None:
        """Raises ``Cancelled`` or ``DeadlineExceeded`` when the run must stop."""
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled("the computation was cancelled", reason="CANCELLED")
        if time.monotonic() >= self.deadline:
            raise DeadlineExceeded("the computation took longer than it may", reason="COMPUTE_TIME_EXCEEDED")

    def pause(self) -> float:
        """Seconds to wait before the next check."""
        return max(0.0, min(_TICK, self.deadline - time.monotonic()))


@dataclass(eq=False)
class _Ticket:
    affinity: str
    child: ChildProcess | None = None
    error: RaiaError | None = None


@dataclass
class _Line:
    """Who waits for a child: first come first served within a share, the shares in turn."""

    shares: OrderedDict[str, deque[_Ticket]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return sum(len(tickets) for tickets in self.shares.values())

    def add(self, share: str, ticket: _Ticket) -> None:
        self.shares.setdefault(share, deque()).append(ticket)

    def take(self) -> _Ticket:
        share, tickets = self.shares.popitem(last=False)
        ticket = tickets.popleft()
        if tickets:
            self.shares[share] = tickets
        return ticket

    def drop(self, share: str, ticket: _Ticket) -> None:
        tickets = self.shares.get(share)
        if tickets is None or ticket not in tickets:
            return
        tickets.remove(ticket)
        if not tickets:
            del self.shares[share]


class ComputePool:
    """The compute children of one process."""

    def __init__(self, max_children: int = 1, idle_seconds: float = 60.0, memory_bytes: int = 4 * 1024**3) -> None:
        self.max_children = max_children
        self.idle_seconds = idle_seconds
        self.memory_bytes = memory_bytes
        self._changed = threading.Condition()
        self._children: list[ChildProcess] = []
        self._line = _Line()
        self._closed = False
        self._keeper: threading.Thread | None = None
        self._next_look = 0.0

    def run(
        self,
        function: str,
        args: Mapping[str, Any],
        *,
        time_limit: float,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        affinity: str = "",
        share: str = "",
    ) -> Any:
        """Calls ``"package.module:function"`` with ``args`` as keywords in a child and returns what it returns.

        ``time_limit`` is in seconds and counts from now, waiting for a free child included. A function with a
        parameter ``progress`` is given one to call. ``affinity`` prefers a child that has run the same key; while all
        are busy, callers of different ``share`` take turns. ``raia_kit.compute_codec`` says which values may cross.

        Raises the ``RaiaError`` that the function raised; ``ComputeFailed`` for any other exception; ``Cancelled``,
        ``DeadlineExceeded``; ``ResourceExhausted`` (``COMPUTE_MEMORY_EXCEEDED``, ``STORAGE_FULL``); ``Unavailable``
        (``COMPUTE_CHILD_DIED``) when the child was killed from outside or crashed.
        """
        watch = Watch(time.monotonic() + time_limit, cancel)
        request = encode({"function": function, "args": args})
        child = self._acquire(watch, affinity, share)
        try:
            answer = child.exchange(request, watch, progress)
        except ChildEnded as ended:
            self._discard(child)
            raise self._explain(ended, function) from None
        except BaseException:
            self._discard(child)
            raise
        self._release(child, affinity)
        if "error" in answer:
            raise restore(answer["error"])
        if "crash" in answer:
            crash = answer["crash"]
            _LOG.error("compute function %s raised %s\n%s", function, crash["type"], crash["traceback"])
            raise ComputeFailed("the computation failed", reason="INTERNAL")
        return answer["result"]

    def stats(self) -> PoolStats:
        """How many children live, how many of them are busy, how many runs wait."""
        with self._changed:
            busy = sum(child.busy for child in self._children)
            return PoolStats(len(self._children), busy, len(self._line))

    def close(self) -> None:
        """Kills every child; runs in flight raise ``Unavailable``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            keeper = self._keeper
        if keeper is not None:
            keeper.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _explain(self, ended: ChildEnded, function: str) -> RaiaError:
        if ended.why == "memory":
            return ResourceExhausted(
                f"the computation needs more than the {self.memory_bytes // 1024**2} MiB of memory it may use",
                reason="COMPUTE_MEMORY_EXCEEDED",
                metadata={"limit_bytes": str(self.memory_bytes)},
            )
        if ended.why == "closed":
            return _shutting_down()
        _LOG.error("compute child died in %s, status %s\n%s", function, ended.status, ended.tail)
        return Unavailable("the computation was interrupted; try again", reason="COMPUTE_CHILD_DIED", retry_after=1.0)

    def _acquire(self, watch: Watch, affinity: str, share: str) -> ChildProcess:
        ticket = _Ticket(affinity)
        with self._changed:
            self._start_keeper()
            self._line.add(share, ticket)
            self._assign()
            try:
                while ticket.child is None:
                    if ticket.error or self._closed:
                        raise ticket.error or _shutting_down()
                    watch.check()
                    self._changed.wait(watch.pause())
            except BaseException:
                self._line.drop(share, ticket)
                if ticket.child is not None:
                    ticket.child.busy = False
                    self._assign()
                raise
            return ticket.child

    def _release(self, child: ChildProcess, affinity: str) -> None:
        # A child that holds much already would be killed in a later run for what this one left behind.
        if child.resident_bytes() > self.memory_bytes // 2:
            self._discard(child)
            return
        with self._changed:
            child.used(affinity)
            child.busy = False
            self._assign()

    def _discard(self, child: ChildProcess) -> None:
        child.close()
        with self._changed:
            if child in self._children:
                self._children.remove(child)
            self._assign()

    def _assign(self) -> None:
        """Gives idle children to those who wait; holds the lock."""
        idle = [child for child in self._children if not child.busy and child.alive()]
        while idle and len(self._line):
            ticket = self._line.take()
            child = max(idle, key=lambda each: (each.knows(ticket.affinity), each.used_at))
            idle.remove(child)
            child.busy = True
            ticket.child = child
        self._changed.notify_all()

    # The keeper: one thread that starts, watches and ends children. The kernel ties a child's parent-death signal to
    # the thread that started it, so that thread must live as long as the pool.

    def _start_keeper(self) -> None:
        if self._closed:
            raise _shutting_down()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="compute-keeper", daemon=True)
            self._keeper.start()

    def _keep(self) -> None:
        while not self._closed:
            with self._changed:
                if not (self._closed or self._room() or self._expired()):
                    self._changed.wait(self._patience())
                expired = self._expired()
                self._children = [child for child in self._children if child not in expired]
                room = self._room()
            for child in expired:
                child.close()
            for _ in range(room):
                self._start_child()
            self._limit_memory()
        with self._changed:
            for child in self._children:
                # The thread that waits for a busy child closes it.
                if child.busy:
                    child.kill(why="closed")
                else:
                    child.close()
            self._children.clear()
            self._changed.notify_all()

    def _limit_memory(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _MEMORY_TICK
        with self._changed:
            busy = [child for child in self._children if child.busy]
        for child in busy:
            if child.resident_bytes(descendants=True) > self.memory_bytes:
                child.kill(why="memory")

    def _room(self) -> int:
        return 0 if self._closed else min(len(self._line), self.max_children - len(self._children))

    def _patience(self) -> float | None:
        if any(child.busy for child in self._children):
            return _MEMORY_TICK
        if not self._children:
            return None
        return max(0.01, min(child.used_at for child in self._children) + self.idle_seconds - time.monotonic())

    def _expired(self) -> list[ChildProcess]:
        oldest = time.monotonic() - self.idle_seconds
        return [child for child in self._children if not child.busy and (child.used_at <= oldest or not child.alive())]

    def _start_child(self) -> None:
        try:
            child = ChildProcess.start()
        except OSError:
            _LOG.exception("a compute child could not be started")
            with self._changed:
                if len(self._line):
                    self._line.take().error = Unavailable(
                        "no computation can be started now; try again", reason="COMPUTE_UNAVAILABLE", retry_after=5.0
                    )
                self._changed.notify_all()
            return
        with self._changed:
            self._children.append(child)
            self._assign()


def _shutting_down() -> Unavailable:
    return Unavailable("the service is shutting down", reason="SHUTTING_DOWN", retry_after=1.0)
