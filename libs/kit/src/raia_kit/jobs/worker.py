"""procrastinate's worker, made to bear a database that goes away, and its bookkeeping, left to the runner."""

import asyncio
import logging
import time
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import Any

from procrastinate import jobs as procrastinate_jobs
from procrastinate.connector import BaseAsyncConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.manager import JobManager
from procrastinate.worker import Worker

from raia_kit.jobs import metrics, rows
from raia_kit.jobs.job import Control

_LOG = logging.getLogger(__name__)


class RunnersManager(JobManager):
    """Fetches jobs; how they end is written by the runner, which holds the fencing token."""

    def __init__(self, connector: BaseAsyncConnector, kinds: Container[str]) -> None:
        super().__init__(connector)
        self._kinds = kinds

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> procrastinate_jobs.Job | None:
        """The next job, or None when there is none or the database is away."""
        try:
            return await super().fetch_job(queues, worker_id)
        except ConnectorException as error:
            _LOG.warning("no jobs can be fetched: %s", error.__cause__.__class__.__name__)
            return None

    async def finish_job(
        self,
        job: procrastinate_jobs.Job,
        status: procrastinate_jobs.Status,  # noqa: ARG002 - the runner knows better
        delete_job: bool,  # noqa: ARG002
    ) -> None:
        """Puts back a job of an unknown kind; any other the runner has ended, or has left to be taken over."""
        if job.task_name in self._kinds:
            return
        _LOG.error("job %s is of the kind %s, which this version does not know", job.id, job.task_name)
        with suppress(ConnectorException):  # a worker of the next second finds it
            await self.connector.execute_query_async(rows.PUT_BACK, id=job.id, attempt=job.attempts)


class FencedWorker(Worker):
    """Keeps its heartbeat going, takes over stalled jobs and tells running ones to stop."""

    def __init__(
        self, app: Any, controls: dict[int, Control], *, service: str, beat: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(app, listen_notify=False, install_signal_handlers=False, name=None, **options)
        self._controls = controls
        self._beat = beat
        self._stalled = metrics.STALLED.labels(service)
        self._unknown: set[int] = set()

    def wake(self) -> None:
        """Looks for jobs at once; called in the loop's thread."""
        self._new_job_event.set()
        # A fetch that began before the job's commit ends by clearing the event.
        asyncio.get_running_loop().call_later(0.05, self._new_job_event.set)

    def abort(self, job_id: int) -> None:
        """Tells a job that runs here to stop; called in the loop's thread."""
        self._handle_abort_jobs_requested([job_id])

    def _abort_job(self, _task: asyncio.Task[Any], context: JobContext, reason: AbortReason) -> None:
        # The task that waits for the thread is not cancelled: the job itself must stop and write its end.
        job_id = context.job.id
        if job_id is not None:
            self._job_ids_to_abort[job_id] = reason
            control = self._controls.get(job_id)
            if control is not None:
                control.stop("shutdown" if reason is AbortReason.SHUTDOWN else "cancel")

    async def _periodic_deferrer(self) -> None:
        while True:
            try:
                await super()._periodic_deferrer()  # type: ignore[no-untyped-call]
                return  # no job is periodic
            except ConnectorException as error:
                _LOG.warning("periodic jobs cannot be enqueued: %s", error.__cause__.__class__.__name__)
                await asyncio.sleep(self.update_heartbeat_interval)

    async def _update_heartbeat(self) -> None:
        while True:
            try:
                await self._tend()
                self._beat()
            except ConnectorException as error:
                _LOG.warning("the heartbeat cannot be written: %s", error.__cause__.__class__.__name__)
            await asyncio.sleep(self.update_heartbeat_interval)

    async def _tend(self) -> None:
        for control in list(self._controls.values()):
            if time.monotonic() >= control.deadline:
                control.stop("deadline")
        connector: Any = self.app.connector
        if not await connector.execute_query_all_async(rows.HEARTBEAT, worker_id=self.worker_id):
            # Declared dead while it could not write: its jobs are another's, it starts again under a new id.
            self.worker_id = await self.app.job_manager.register_worker()
        await self._disown_unknown(connector)
        taken = await connector.execute_query_all_async(rows.STALLED, seconds=self.stalled_worker_timeout)
        if taken:
            self._stalled.inc(len(taken))
            _LOG.warning("took over stalled jobs %s", [row["id"] for row in taken])
            self._new_job_event.set()

    async def _disown_unknown(self, connector: Any) -> None:
        """Finds jobs that were fetched when the answer was lost, or whose end could not be written."""
        found = await connector.execute_query_all_async(rows.ORPHANS, worker_id=self.worker_id)
        running = {context.job.id for context in self._running_jobs.values()}
        unknown = {row["id"] for row in found} - running
        # Seen twice, since a fetch may be under way at the first sight.
        lost = unknown & self._unknown
        self._unknown = unknown - lost
        if lost:
            await connector.execute_query_async(rows.DISOWN, ids=sorted(lost), worker_id=self.worker_id)
