"""The rows of jobs, changed only by whoever holds the fencing token: ``attempts`` unchanged and status ``doing``.

The tables are procrastinate's. Each function works within a unit of work, a tenant's or the platform's; the rows are
reached under the platform role, as every table without a tenant.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, TextClause, text

from raia_kit.database import UnitOfWork
from raia_kit.errors import Cancelled
from raia_kit.jobs.record import JobRecord, JobTakenOver

_ROW = "select id, task_name, status::text, attempts, abort_requested, args from procrastinate_jobs where id = :id"
_READ = text(_ROW)
_READ_SHARED = text(_ROW + " for share")
_READ_ALONE = text(_ROW + " for update")
_END = text("""
update procrastinate_jobs
set status = cast(:status as procrastinate_job_status), attempts = attempts + 1, abort_requested = false
where id = :id and attempts = :attempt and status = 'doing' and (:even_aborted or not abort_requested)
returning id
""")
_REQUEUE = text("""
update procrastinate_jobs
set status = 'todo', attempts = attempts + 1, worker_id = null,
    scheduled_at = case when :delay > 0 then now() + make_interval(secs => :delay) end,
    args = args || jsonb_build_object('retries', cast(:retries as int))
where id = :id and attempts = :attempt and status = 'doing' and not abort_requested
returning id
""")
_CANCEL_WAITING = text("update procrastinate_jobs set status = 'cancelled' where id = :id and status = 'todo'")
_CANCEL_SOON = text("""
update procrastinate_jobs set scheduled_at = null, args = args || jsonb_build_object('cancelled', true)
where id = :id and status = 'todo'
""")
_REQUEST_ABORT = text("update procrastinate_jobs set abort_requested = true where id = :id and status = 'doing'")
_COUNTS = text("select status::text, count(*) from procrastinate_jobs group by status")
_DELETE_FINISHED = text("""
delete from procrastinate_jobs where id in (
    select job.id from procrastinate_jobs job
    where job.status in ('succeeded', 'failed', 'cancelled', 'aborted') and not exists (
        select from procrastinate_events event where event.job_id = job.id and event.at >= :before
    )
    limit :batch
)
returning id
""")
_DELETE_WORKERS = text("delete from procrastinate_workers where last_heartbeat < now() - interval '1 day'")

STALLED = """
with stalled as (
    select job.id from procrastinate_jobs job
    left join procrastinate_workers worker on worker.id = job.worker_id
    where job.status = 'doing'
        and (worker.id is null or worker.last_heartbeat < now() - make_interval(secs => %(seconds)s))
    for update of job skip locked
)
update procrastinate_jobs job
set status = 'todo', attempts = job.attempts + 1, abort_requested = false, worker_id = null, scheduled_at = null,
    args = job.args || jsonb_build_object(
        'takeovers', coalesce((job.args ->> 'takeovers')::int, 0) + 1,
        'cancelled', job.abort_requested or coalesce((job.args ->> 'cancelled')::boolean, false)
    )
from stalled where job.id = stalled.id
returning job.id
"""
"""Takes jobs from workers whose heartbeat stopped; skips a job whose effect is being committed right now."""

ORPHANS = "select id from procrastinate_jobs where status = 'doing' and worker_id = %(worker_id)s"
"""Jobs that the database gave to this worker."""

DISOWN = """
update procrastinate_jobs set worker_id = null
where id = any(%(ids)s::bigint[]) and status = 'doing' and worker_id = %(worker_id)s
"""
"""Makes jobs that a worker does not know of stalled, to be taken over like any other."""

PUT_BACK = """
update procrastinate_jobs
set status = 'todo', attempts = attempts + 1, worker_id = null, scheduled_at = now() + interval '10 seconds'
where id = %(id)s and attempts = %(attempt)s and status = 'doing' and not abort_requested
"""
"""Leaves a job to a process that knows its kind: a newer one, during an upgrade."""

HEARTBEAT = "update procrastinate_workers set last_heartbeat = now() where id = %(worker_id)s returning id"


def look(unit: UnitOfWork, record: JobRecord) -> None:
    """Raises ``JobTakenOver`` or ``Cancelled`` when the attempt must not go on; locks nothing."""
    _check(_one(unit, _READ, id=record.id), record)


def hold(unit: UnitOfWork, record: JobRecord) -> None:
    """Like ``look``, and keeps it so until the transaction ends.

    Call it last: the order everywhere is the resource's row, then the job's.
    """
    _check(_one(unit, _READ_SHARED, id=record.id), record)


def succeed(unit: UnitOfWork, record: JobRecord) -> None:
    """Ends the job well in this transaction; raises ``JobTakenOver`` or ``Cancelled`` when it may not."""
    if not _end(unit, record, "succeeded", even_aborted=False):
        look(unit, record)
        raise JobTakenOver(record.id)


def end(unit: UnitOfWork, record: JobRecord, status: str) -> None:
    """Ends the job as ``failed`` or ``aborted`` in this transaction; raises ``JobTakenOver`` when it may not."""
    if not _end(unit, record, status, even_aborted=True):
        raise JobTakenOver(record.id)


def requeue(unit: UnitOfWork, record: JobRecord, *, delay: float, retries: int) -> bool:
    """Puts the job back for another attempt after ``delay`` seconds; False when it is cancelled or not ours."""
    changed = _one(unit, _REQUEUE, id=record.id, attempt=record.attempt, delay=delay, retries=retries)
    return changed is not None


def read(unit: UnitOfWork, job_id: int, *, lock: bool = False) -> tuple[JobRecord, str] | None:
    """A job and its status, or None; a tenant's unit of work finds its own alone."""
    row = _one(unit, _READ_ALONE if lock else _READ, id=job_id)
    if row is None:
        return None
    record = JobRecord.read(row.id, row.task_name, row.attempts, row.args)
    return None if unit.org_id is not None and record.org_id != unit.org_id else (record, row.status)


def cancel_waiting(unit: UnitOfWork, job_id: int) -> None:
    """Ends a job that no worker has."""
    with unit.platform():
        unit.session.execute(_CANCEL_WAITING, {"id": job_id})


def cancel_soon(unit: UnitOfWork, job_id: int) -> None:
    """Has a worker take up a waiting job at once, to cancel it."""
    with unit.platform():
        unit.session.execute(_CANCEL_SOON, {"id": job_id})


def request_abort(unit: UnitOfWork, job_id: int) -> None:
    """Tells the worker that runs the job to stop."""
    with unit.platform():
        unit.session.execute(_REQUEST_ABORT, {"id": job_id})


def counts(unit: UnitOfWork) -> Mapping[str, int]:
    """How many jobs there are in each status."""
    with unit.platform():
        return {row[0]: row[1] for row in unit.session.execute(_COUNTS)}


def delete_finished(unit: UnitOfWork, before: datetime, batch: int) -> int:
    """Deletes up to ``batch`` jobs that ended before that time, and workers long gone; returns how many jobs."""
    with unit.platform():
        deleted = unit.session.execute(_DELETE_FINISHED, {"before": before, "batch": batch}).all()
        unit.session.execute(_DELETE_WORKERS)
    return len(deleted)


def _one(unit: UnitOfWork, statement: TextClause, **values: object) -> Row[Any] | None:
    with unit.platform():
        return unit.session.execute(statement, values).first()


def _end(unit: UnitOfWork, record: JobRecord, status: str, *, even_aborted: bool) -> bool:
    ended = _one(unit, _END, id=record.id, attempt=record.attempt, status=status, even_aborted=even_aborted)
    return ended is not None


def _check(row: Row[Any] | None, record: JobRecord) -> None:
    if row is None or row.status != "doing" or row.attempts != record.attempt:
        raise JobTakenOver(record.id)
    if row.abort_requested:
        raise Cancelled("the job was cancelled", reason="CANCELLED")
