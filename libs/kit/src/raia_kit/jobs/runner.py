"""Runs one attempt of a job on a thread and brings it to an end: done, failed, cancelled, or to be tried again."""

import logging
import math
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy.exc import SQLAlchemyError

from raia_kit.compute import ComputePool
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Cancelled, DeadlineExceeded, Kind, RaiaError, storage_full
from raia_kit.jobs import metrics, rows
from raia_kit.jobs.job import Control, Job, opened
from raia_kit.jobs.record import JobRecord, JobTakenOver, JobTask
from raia_kit.telemetry import work_span

_LOG = logging.getLogger(__name__)
_PASSING = {Kind.UNAVAILABLE, Kind.ABORTED}
"""Errors after which the same work may succeed."""
_UNWRITABLE = {*_PASSING, Kind.RESOURCE_EXHAUSTED}
"""Errors of the database after which the end of a job must be written again."""
_MAX_TAKEOVERS = 10
_HOOK_TRIES = 10
"""How often a hook may meet a conflict, or an error of its own that passes, before the job ends without it."""
_LONGEST_RETRY = 300.0


class JobFailed(RaiaError):
    """The job raised something that nobody but the operators may see."""


class Runner:
    """Runs attempts with the database and the compute pool of the process."""

    def __init__(self, database: Database, pool: ComputePool) -> None:
        self._database, self._pool = database, pool
        self.closing = threading.Event()
        """Set when what cannot be written now is left to a later process."""

    def run(self, task: JobTask, record: JobRecord, control: Control) -> None:
        """Runs the attempt to its end. A job left ``doing`` when the database is away is taken over later."""
        service = self._database.service
        with metrics.RUNNING.labels(service).track_inprogress(), metrics.SECONDS.labels(service, record.kind).time():
            outcome = self._run(task, record, control)
        metrics.ENDED.labels(service, record.kind, outcome).inc()

    def _run(self, task: JobTask, record: JobRecord, control: Control) -> str:
        """Runs the attempt and returns its outcome."""
        job = Job(record, self._database, self._pool, control, task.on_progress)
        try:
            with work_span(f"job {record.kind}", record.traceparent):
                self._attempt(task, job)
        except JobTakenOver:
            _LOG.warning("job %s (%s) was taken over from attempt %s", record.id, record.kind, record.attempt)
            return "taken_over"
        except Exception as error:
            if not job.completed:
                return self._end(task, record, control, error)
            # The effect is committed; only what came after it failed.
            _LOG.exception("job %s (%s) raised after it had completed", record.id, record.kind)
        return "succeeded"

    def _attempt(self, task: JobTask, job: Job) -> None:
        record = job.record
        if record.cancelled:
            raise Cancelled("the job was cancelled", reason="CANCELLED")
        if record.takeovers > _MAX_TAKEOVERS:
            raise JobFailed("the job was interrupted too often", reason="JOB_INTERRUPTED")
        task.handler(job)
        if not job.completed:
            with job.complete():
                pass

    def _end(self, task: JobTask, record: JobRecord, control: Control, error: Exception) -> str:
        if control.why == "shutdown":
            self._write(record, lambda unit: _put_back(unit, record))
            return "put_back"
        if isinstance(error, Cancelled) and control.why == "deadline":
            error = DeadlineExceeded("the job took longer than it may", reason="JOB_TIME_EXCEEDED")
        if isinstance(error, Cancelled):
            return self._cancelled(task, record)
        shown = self._shown(record, error)
        if shown.kind in _PASSING and record.retries < task.retries:
            return self._retry(task, record, shown)
        _LOG.info("job %s (%s) failed: %s", record.id, record.kind, shown.reason)
        self._finish(record, "failed", task.on_failed and _bound(task.on_failed, record, shown))
        return "failed"

    def _cancelled(self, task: JobTask, record: JobRecord) -> str:
        self._finish(record, "aborted", task.on_cancelled and _bound(task.on_cancelled, record))
        return "cancelled"

    def _shown(self, record: JobRecord, error: Exception) -> RaiaError:
        if isinstance(error, RaiaError):
            return error
        _LOG.error("job %s (%s) raised %s", record.id, record.kind, type(error).__name__, exc_info=error)
        return storage_full(error) or JobFailed("an internal error ended this job", reason="INTERNAL")

    def _retry(self, task: JobTask, record: JobRecord, error: RaiaError) -> str:
        pause = min(_LONGEST_RETRY, task.retry_seconds * 2**record.retries) * random.uniform(0.75, 1.25)  # noqa: S311
        delay = max(pause, error.retry_after or 0.0)

        def write(unit: UnitOfWork) -> None:
            if not rows.requeue(unit, record, delay=delay, retries=record.retries + 1):
                rows.look(unit, record)  # says why: cancelled, or not ours

        try:
            self._write(record, write)
        except Cancelled:
            return self._cancelled(task, record)
        _LOG.info("job %s (%s) met %s, again in %.1f s", record.id, record.kind, error.reason, delay)
        return "retried"

    def _finish(self, record: JobRecord, status: str, hook: Callable[[UnitOfWork], None] | None) -> None:
        def with_hook(unit: UnitOfWork) -> None:
            if hook is not None:
                hook(unit)
                unit.session.flush()
            rows.end(unit, record, status)

        try:
            self._write(record, with_hook, tries=_HOOK_TRIES)
        except Exception:
            # Without this the job would be taken over and fail in the same way for ever.
            _LOG.exception("job %s (%s): its end could not be told to its owner", record.id, record.kind)
            self._write(record, lambda unit: rows.end(unit, record, status))

    def _write(self, record: JobRecord, write: Callable[[UnitOfWork], None], *, tries: float = math.inf) -> None:
        """Commits ``write``; repeats it while the database is away, full or busy, up to ``tries`` times otherwise."""
        pause, failures = 0.1, 0
        while True:
            try:
                with self._unit(record) as unit:
                    write(unit)
                return
            except JobTakenOver:
                return
            except RaiaError as error:
                failures += not _is_away(error)
                if error.kind not in _UNWRITABLE or failures >= tries:
                    raise
                if self.closing.wait(pause):
                    return
                pause = min(5.0, pause * 2)

    def _unit(self, record: JobRecord) -> AbstractContextManager[UnitOfWork]:
        return opened(self._database, record)


def _is_away(error: RaiaError) -> bool:
    """Whether the database itself could not be written to, for a reason that has nothing to do with what was."""
    return error.kind is not Kind.ABORTED and isinstance(error.__cause__, SQLAlchemyError)


def _put_back(unit: UnitOfWork, record: JobRecord) -> None:
    rows.requeue(unit, record, delay=0, retries=record.retries)


def _bound(hook: Callable[..., None], record: JobRecord, *more: RaiaError) -> Callable[[UnitOfWork], None]:
    return lambda unit: hook(unit, record, *more)
