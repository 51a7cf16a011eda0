"""A job while it runs, as its handler sees it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

from raia_kit.compute import ComputePool
from raia_kit.context import Actor
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Aborted, Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable
from raia_kit.jobs import rows
from raia_kit.jobs.record import JobRecord, JobTakenOver, OnProgress

_LOG = logging.getLogger(__name__)
_PROGRESS_SECONDS = 0.5


class Control:
    """How a running job is told to stop, and why: ``cancel``, ``deadline`` or ``shutdown``. The first reason counts."""

    def __init__(self, time_limit: float) -> None:
        self.deadline = time.monotonic() + time_limit
        self.stopped = threading.Event()
        self.why = ""
        self._lock = threading.Lock()

    def stop(self, why: str) -> None:
        """Tells the job to stop."""
        with self._lock:
            self.why = self.why or why
            self.stopped.set()


class Job:
    """What a handler is given. Its heavy work belongs in ``compute``, its result in ``complete``.

    A job may run more than once: its worker may die, stall, or meet an error that passes. What it writes in ``unit``
    must therefore bear repeating; what it writes in ``complete`` happens once.
    """

    def __init__(
        self,
        record: JobRecord,
        database: Database,
        pool: ComputePool,
        control: Control,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.record = record
        self.completed = False
        self._database, self._pool, self._control, self._on_progress = database, pool, control, on_progress
        self._next_progress = 0.0

    @property
    def id(self) -> int:
        """The job's id."""
        return self.record.id

    @property
    def kind(self) -> str:
        """The kind it was enqueued as."""
        return self.record.kind

    @property
    def args(self) -> Mapping[str, Any]:
        """What it was enqueued with."""
        return self.record.args

    @property
    def org_id(self) -> UUID:
        """The organisation it works for; raises ``LookupError`` in a job of the platform."""
        if self.record.org_id is None:
            raise LookupError("this is a job of the platform")
        return self.record.org_id

    @property
    def user_id(self) -> UUID | None:
        """On whose behalf it runs."""
        return self.record.user_id

    @property
    def attempt(self) -> int:
        """The fencing token of this run."""
        return self.record.attempt

    @property
    def cancelled(self) -> threading.Event:
        """Set when the job must stop: cancelled, out of time, or the process is ending. ``compute`` heeds it."""
        return self._control.stopped

    def check(self) -> None:
        """Raises ``Cancelled`` or ``DeadlineExceeded`` when the job must stop: for loops of its own."""
        if self._control.stopped.is_set():
            raise Cancelled("the job was cancelled", reason="CANCELLED")
        self.remaining()

    def remaining(self) -> float:
        """Seconds left of the time limit; raises ``DeadlineExceeded`` when there are none."""
        left = self._control.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the job took longer than it may", reason="JOB_TIME_EXCEEDED")
        return left

    def unit(self) -> AbstractContextManager[UnitOfWork]:
        """A unit of work of the job's organisation, or of the platform's, that commits only while the job is ours.

        Raises ``JobTakenOver`` or ``Cancelled`` otherwise, before it begins or in place of the commit.
        """
        return self._fenced(rows.hold)

    @contextmanager
    def complete(self) -> Iterator[UnitOfWork]:
        """The job's last unit of work: what it writes and the end of the job commit together or not at all."""
        with self._fenced(rows.succeed) as unit:
            yield unit
        self.completed = True

    def compute(
        self,
        function: str,
        args: Mapping[str, Any],
        progress: Callable[[float, str], None] | None = None,
        *,
        affinity: str = "",
    ) -> Any:
        """Runs ``"package.module:function"`` in a compute child until the job's deadline or its cancelling.

        ``ComputePool.run`` tells more. Progress goes to ``progress`` of the job unless given.
        """
        return self._pool.run(
            function,
            args,
            time_limit=self.remaining(),
            progress=progress or self.progress,
            cancel=self._control.stopped,
            affinity=affinity,
            share=str(self.record.org_id or ""),
        )

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the job is, from 0 to 1, by the kind's ``on_progress``; leaves out what comes too fast.

        Progress that cannot be written now is lost, and the job goes on. Raises ``JobTakenOver`` or ``Cancelled``.
        """
        now = time.monotonic()
        if self._on_progress is None or now < self._next_progress:
            return
        self._next_progress = now + _PROGRESS_SECONDS
        try:
            with self.unit() as unit:
                self._on_progress(unit, self.record, min(1.0, max(0.0, fraction)), message)
        except JobTakenOver:
            raise
        except (Aborted, ResourceExhausted, Unavailable) as error:
            _LOG.warning("progress of job %s could not be written: %s", self.id, error.reason)

    @contextmanager
    def _fenced(self, seal: Callable[[UnitOfWork, JobRecord], None]) -> Iterator[UnitOfWork]:
        self.check()
        with opened(self._database, self.record) as unit:
            rows.look(unit, self.record)
            yield unit
            seal(unit, self.record)


def opened(database: Database, record: JobRecord) -> AbstractContextManager[UnitOfWork]:
    """A unit of work for a job, without a fence: of its organisation and user, or of the platform."""
    actor = Actor(user_id=record.user_id, service=database.service)
    if record.org_id is None:
        return database.platform_unit_of_work(actor=actor, correlation_id=record.correlation_id)
    return database.unit_of_work(record.org_id, actor=actor, correlation_id=record.correlation_id)
