"""The thread of a process that fetches jobs and has them run."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.job_context import JobContext
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from raia_kit.compute import ComputePool
from raia_kit.database import Database
from raia_kit.jobs.job import Control
from raia_kit.jobs.queue import JobQueue
from raia_kit.jobs.record import JobRecord
from raia_kit.jobs.runner import Runner
from raia_kit.jobs.worker import FencedWorker, RunnersManager

_LOG = logging.getLogger(__name__)
_CATCH_UP_SECONDS = 24 * 3600.0
"""A periodic job that was due while no process ran is made up for within this time."""


class Dispatcher:
    """Runs the service's jobs on up to ``concurrency`` threads; several processes may run one each.

    ``direct_url`` bypasses a pooler and is the database's own when empty. A worker whose heartbeat is older than
    ``stalled_seconds`` loses its jobs. On ``stop`` running jobs have ``drain_seconds`` to end; then their children are
    killed and they are put back.
    """

    def __init__(
        self,
        queue: JobQueue,
        database: Database,
        pool: ComputePool,
        *,
        direct_url: str = "",
        concurrency: int = 2,
        poll_seconds: float = 1.0,
        heartbeat_seconds: float = 2.0,
        stalled_seconds: float = 10.0,
        drain_seconds: float = 8.0,
        queues: Sequence[str] | None = None,
    ) -> None:
        self.name = f"{database.service}-jobs"
        self._queue, self._service = queue, database.service
        self._url = direct_url or database.url
        self._runner = Runner(database, pool)
        self._controls: dict[int, Control] = {}
        self._options: dict[str, Any] = {
            "concurrency": concurrency,
            "queues": queues,
            "fetch_job_polling_interval": poll_seconds,
            "abort_job_polling_interval": poll_seconds,
            "update_heartbeat_interval": heartbeat_seconds,
            "stalled_worker_timeout": stalled_seconds,
            "shutdown_graceful_timeout": drain_seconds,
        }
        self._drain_seconds, self._stalled_seconds = drain_seconds, stalled_seconds
        self._stopping = False
        self._beat_at = 0.0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: FencedWorker | None = None
        queue.attach(self.wake, self._abort)

    def start(self) -> None:
        """Starts the thread."""
        self._stopping = False
        self._runner.closing.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=self.name, daemon=True)
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Fetches no more, drains, and ends; False when a job would not stop within ``timeout`` seconds."""
        self._stopping = True
        self._call(lambda worker: worker.stop())  # type: ignore[no-untyped-call]
        if self._thread is None:
            return True
        self._thread.join(self._drain_seconds + 5.0 if timeout is None else timeout)
        self._runner.closing.set()
        return not self._thread.is_alive()

    def wake(self) -> None:
        """Looks for jobs now, from any thread."""
        self._call(lambda worker: worker.wake())

    def healthy(self) -> tuple[bool, str]:
        """Whether jobs are being fetched, and if not a sentence that says why, free of secrets."""
        if self._thread is None or not self._thread.is_alive():
            return False, f"{self.name} is not running"
        if time.monotonic() - self._beat_at > self._stalled_seconds:
            return False, f"{self.name} has not reached the database for {self._stalled_seconds:g} s"
        return True, ""

    def running(self) -> int:
        """How many jobs run here."""
        return len(self._controls)

    def _abort(self, job_id: int) -> None:
        self._call(lambda worker: worker.abort(job_id))

    def _call(self, action: Callable[[FencedWorker], None]) -> None:
        """Runs ``action`` in the loop's thread, if there is a worker."""
        loop, worker = self._loop, self._worker
        if loop is not None and worker is not None:
            with suppress(RuntimeError):  # the loop has closed in between
                loop.call_soon_threadsafe(action, worker)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._stopping:
            try:
                await self._work()
            except Exception:
                _LOG.exception("%s failed and starts again", self.name)
                await asyncio.sleep(1.0)
        self._loop = None

    async def _work(self) -> None:
        connector = PsycopgConnector(
            conninfo=_platform_url(self._url, self._service),
            min_size=1,
            max_size=1,
            timeout=5.0,
            kwargs={"connect_timeout": 5, "prepare_threshold": None, "application_name": f"raia-{self.name}"},
        )
        app = App(connector=connector, periodic_defaults={"max_delay": _CATCH_UP_SECONDS})
        app.job_manager = RunnersManager(connector, self._queue.tasks)
        self._declare(app)
        async with app.open_async():
            self._worker = FencedWorker(app, self._controls, service=self._service, beat=self._beat, **self._options)
            if self._stopping:
                return
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]
            finally:
                self._worker = None

    def _declare(self, app: App) -> None:
        for kind, task in self._queue.tasks.items():
            if task.cron:
                # One waits and one runs at most, however late they are.
                declared = app.task(name=kind, queue=task.queue, pass_context=True, lock=kind, queueing_lock=kind)
                app.periodic(cron=task.cron, periodic_id=kind)(declared(self._run))
            else:
                app.task(name=kind, queue=task.queue, pass_context=True)(self._run)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    async def _run(self, context: JobContext, /, **payload: Any) -> None:
        """Runs a job on a thread of its own, which a process that ends need not wait for."""
        job = context.job
        assert job.id is not None
        task = self._queue.tasks[job.task_name]
        record = JobRecord.read(job.id, job.task_name, job.attempts, payload)
        control = self._controls[job.id] = Control(task.time_limit)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> None:
            try:
                self._runner.run(task, record, control)
            except BaseException:
                _LOG.exception("job %s (%s) is left to be taken over", record.id, record.kind)
            finally:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=run, name=f"job-{job.id}", daemon=True).start()
        try:
            await ended.wait()
        finally:
            self._controls.pop(job.id, None)


def _platform_url(url: str, service: str) -> str:
    """The URL with the service's platform role, which owns the rights on the tables of jobs."""
    parts = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
    parts["options"] = f"{parts.get('options') or ''} -c role=raia_{service}_platform -c timezone=UTC".strip()
    return make_conninfo("", **parts)
