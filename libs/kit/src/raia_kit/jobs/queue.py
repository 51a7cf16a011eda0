"""Where jobs are declared, enqueued and cancelled."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError, OperationalError

from raia_kit.database import UnitOfWork
from raia_kit.jobs import rows
from raia_kit.jobs.job import Job
from raia_kit.jobs.record import JobTask, OnCancelled, OnFailed, OnProgress
from raia_kit.tracing import current_traceparent

Handler = Callable[[Job], None]

# Its lines repeat the arguments of jobs, which may be anybody's data; what matters is logged here.
logging.getLogger("procrastinate").setLevel(logging.WARNING)


class JobQueue:
    """The jobs of one service: their kinds, and the way in."""

    def __init__(self) -> None:
        self.tasks: dict[str, JobTask] = {}
        self._app = App(connector=SyncPsycopgConnector())  # stays closed: each job goes in on its unit's connection
        self._wake: list[Callable[[], None]] = []
        self._abort: list[Callable[[int], None]] = []

    def task(
        self,
        kind: str,
        *,
        time_limit: float,
        retries: int = 3,
        queue: str = "default",
        retry_seconds: float = 1.0,
        on_failed: OnFailed | None = None,
        on_cancelled: OnCancelled | None = None,
        on_progress: OnProgress | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declares what runs jobs of ``kind``: a plain function whose heavy work is in ``job.compute``.

        ``time_limit`` (seconds) holds for each attempt. ``Unavailable``, ``Aborted`` and a child that dies are tried
        again up to ``retries`` times, after ``retry_seconds`` that double; any other error ends the job.
        ``on_failed(unit, record, error)`` then writes to the owning resource, ``on_cancelled(unit, record)`` does when
        it was cancelled, both in the transaction that ends the job. ``on_progress(unit, record, fraction, message)`` is
        called at most twice a second.
        """

        def declare(handler: Handler) -> Handler:
            self._add(
                JobTask(
                    kind, handler, time_limit, retries, retry_seconds, queue, "", on_failed, on_cancelled, on_progress
                )
            )
            return handler

        return declare

    def periodic(self, kind: str, cron: str, *, time_limit: float, retries: int = 3) -> Callable[[Handler], Handler]:
        """Declares a job of the platform that is due by ``cron`` (five fields, UTC), once for all processes."""

        def declare(handler: Handler) -> Handler:
            self._add(JobTask(kind, handler, time_limit, retries, 1.0, "default", cron))
            return handler

        return declare

    def enqueue(
        self,
        unit: UnitOfWork,
        kind: str,
        args: Mapping[str, Any],
        org_id: UUID | None,
        user_id: UUID | None,
        *,
        lock: str | None = None,
        not_before: datetime | None = None,
    ) -> int:
        """Adds a job to the unit of work and returns its id; it runs once that has committed, and ``not_before``.

        ``args`` holds JSON values. Of jobs with the same ``lock`` one runs at a time, in the order of their ids.
        Raises ``LookupError`` for a kind that was not declared.
        """
        task = self.tasks[kind]
        if unit.org_id is not None and org_id != unit.org_id:
            raise ValueError("a job works for the organisation of its unit of work")
        payload: dict[str, Any] = {
            "args": dict(args),
            "org_id": str(org_id) if org_id else None,
            "user_id": str(user_id) if user_id else None,
            "correlation_id": unit.correlation_id or unit.request_id,
            "traceparent": current_traceparent(),
        }
        connection = unit.session.connection().connection.driver_connection
        deferrer = self._app.configure_task(
            kind, queue=task.queue, lock=lock, schedule_at=not_before, connection=connection
        )
        try:
            job_id = deferrer.defer(**payload)
        except ConnectorException as error:
            raise _database_error(error) from error
        unit.after_commit(self.wake)
        return int(job_id)

    def cancel(self, unit: UnitOfWork, job_id: int) -> bool:
        """Cancels a job with the unit of work; False when it has ended or is not there for this organisation.

        A job that waits ends here, ``on_cancelled`` included. One that runs is told to stop, its child is killed, and
        its worker calls ``on_cancelled``: from the commit on, it can no longer complete. Call it after the resource's
        row is locked.
        """
        found = rows.read(unit, job_id, lock=True)
        if found is None:
            return False
        record, status = found
        if status == "todo" and record.org_id == unit.org_id:
            rows.cancel_waiting(unit, job_id)
            task = self.tasks.get(record.kind)
            if task is not None and task.on_cancelled is not None:
                task.on_cancelled(unit, record)
        elif status == "todo":
            rows.cancel_soon(unit, job_id)
            unit.after_commit(self.wake)
        elif status == "doing":
            rows.request_abort(unit, job_id)
            unit.after_commit(lambda: self._tell_abort(job_id))
        else:
            return False
        return True

    def status(self, unit: UnitOfWork, job_id: int) -> str | None:
        """``todo``, ``doing``, ``succeeded``, ``failed``, ``cancelled`` or ``aborted``; None when it is not there."""
        found = rows.read(unit, job_id)
        return found[1] if found else None

    def counts(self, unit: UnitOfWork) -> Mapping[str, int]:
        """How many jobs of the service, of all organisations, are in each status."""
        return rows.counts(unit)

    def wake(self) -> None:
        """Has the dispatchers of this process look for jobs now."""
        for wake in self._wake:
            wake()

    def attach(self, wake: Callable[[], None], abort: Callable[[int], None]) -> None:
        """Called by a dispatcher that wants to hear of new jobs and of those to abort."""
        self._wake.append(wake)
        self._abort.append(abort)

    def _tell_abort(self, job_id: int) -> None:
        for abort in self._abort:
            abort(job_id)

    def _add(self, task: JobTask) -> None:
        if task.kind in self.tasks:
            raise ValueError(f"jobs of kind {task.kind} are declared twice")
        self.tasks[task.kind] = task


def _database_error(error: ConnectorException) -> DBAPIError:
    """The fault in the form that a unit of work translates."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    kind = OperationalError if isinstance(cause, psycopg.OperationalError) else DBAPIError
    return kind("enqueue", None, cause)
