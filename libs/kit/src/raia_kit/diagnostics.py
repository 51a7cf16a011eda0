"""``raia.platform.v1.DiagnosticsService``: how this process is, within a second, whatever is broken."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import grpc
import psutil
from google.protobuf.descriptor import ServiceDescriptor
from raia.platform.v1 import diagnostics_pb2, diagnostics_service_pb2, diagnostics_service_pb2_grpc
from sqlalchemy import text

from raia_kit.dead_letters import DeadLetterStore
from raia_kit.errors import RaiaError
from raia_kit.runtime import Runtime
from raia_kit.telemetry import version_of

_LOG = logging.getLogger(__name__)
_PATIENCE = 0.6
"""Seconds that checks may take together; the contract allows one in all."""
_PROBE = f"org/{UUID(int=0)}/sha256/00/{'0' * 64}"
"""An object that is never there: asking for it tells whether the store answers."""
_VITAL = frozenset({"database", "access"})

_FIGURES = text("""
select (select coalesce(sum(pg_total_relation_size(c.oid)), 0) from pg_class c
        where c.relnamespace = to_regnamespace(:schema) and c.relkind in ('r', 'm', 'p')) as schema_bytes,
       (select count(*) from outbox) as outbox_rows,
       (select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) from outbox) as outbox_age,
       to_regclass('alembic_version') is not null as migrated
""")


def diagnostics_descriptor() -> ServiceDescriptor:
    """The descriptor of the service."""
    return diagnostics_service_pb2.DESCRIPTOR.services_by_name["DiagnosticsService"]


class DiagnosticsServicer(diagnostics_service_pb2_grpc.DiagnosticsServiceServicer):
    """Answers from figures of the process and from checks that run beside each other.

    ``parts`` gives the health of the running parts. A check that has not ended in time is reported as failed, and
    is not started again while it still runs, so that a thing that hangs takes one thread and no more.
    """

    def __init__(self, runtime: Runtime, parts: Callable[[], Mapping[str, tuple[bool, str]]]) -> None:
        self._runtime, self._parts = runtime, parts
        self._process = psutil.Process()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="diagnostics")
        self._running: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._version = version_of(runtime.service)

    def GetDiagnostics(
        self, _request: diagnostics_service_pb2.GetDiagnosticsRequest, _context: grpc.ServicerContext
    ) -> diagnostics_pb2.Diagnostics:
        """How this service is."""
        answer = diagnostics_pb2.Diagnostics(service=self._runtime.service, version=self._version)
        answer.started_at.FromDatetime(datetime.fromtimestamp(self._process.create_time(), UTC))
        answer.checks.extend(self._checks(answer))
        failed = {check.name for check in answer.checks if check.status == "failed"}
        answer.status = "unavailable" if failed & _VITAL else ("degraded" if failed else "serving")
        self._add_process(answer.process)
        self._add_calls(answer.application)
        return answer

    def close(self) -> None:
        """Ends the threads of the checks."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _checks(self, answer: diagnostics_pb2.Diagnostics) -> list[diagnostics_pb2.Check]:
        looks: dict[str, Callable[[], Any]] = {"database": self._look_at_database, "events": self._look_at_log}
        if self._runtime.settings.objects_url and self._runtime.made("objects"):
            looks["objects"] = self._look_at_objects
        with self._lock:
            for name, look in looks.items():
                if name not in self._running:
                    self._running[name] = self._pool.submit(_timed, look)
            futures = {name: self._running[name] for name in looks}
        wait(futures.values(), timeout=_PATIENCE)
        checks = [self._check(name, future, answer) for name, future in futures.items()]
        for name, (well, why) in self._parts().items():
            checks.append(diagnostics_pb2.Check(name=name, status="ok" if well else "failed", message=why))
        return checks

    def _check(self, name: str, future: Future[Any], answer: diagnostics_pb2.Diagnostics) -> diagnostics_pb2.Check:
        check = diagnostics_pb2.Check(name=name, status="failed")
        if not future.done():
            check.message, check.duration_ms = f"{name} did not answer within {_PATIENCE:g} s", _PATIENCE * 1000
            return check
        with self._lock:
            self._running.pop(name, None)
        error = future.exception()
        if error is not None:
            check.message = error.message if isinstance(error, RaiaError) else f"{name} cannot be reached"
            _LOG.warning("check failed", exc_info=error, extra={"facts": {"check": name}})
            return check
        result, check.duration_ms = future.result()
        check.status = "ok"
        if name == "database":
            database, application = result
            answer.database.CopyFrom(database)
            answer.application.MergeFrom(application)
        return check

    def _look_at_database(self) -> tuple[diagnostics_pb2.DatabaseFigures, diagnostics_pb2.ApplicationFigures]:
        runtime = self._runtime
        pool = runtime.database.engine.pool
        in_use = pool.checkedout()  # type: ignore[attr-defined]
        with runtime.database.platform_unit_of_work() as unit:
            row = unit.session.execute(_FIGURES, {"schema": f"raia_{runtime.service}"}).one()
            revision = unit.session.execute(text("select version_num from alembic_version")) if row.migrated else None
            figures = diagnostics_pb2.DatabaseFigures(
                connections_in_use=in_use,
                pool_size=runtime.settings.database_pool,
                schema_bytes=int(row.schema_bytes),
                outbox_rows=row.outbox_rows,
                outbox_age_seconds=float(row.outbox_age),
                schema_revision=(revision.scalar() or "") if revision is not None else "",
            )
            application = diagnostics_pb2.ApplicationFigures(
                dead_letters=DeadLetterStore(runtime.service).count_waiting(unit)
            )
            if runtime.made("jobs"):
                counts = runtime.jobs.counts(unit)
                application.jobs_waiting = counts.get("todo", 0)
                application.jobs_running = counts.get("doing", 0)
                application.jobs_failed = counts.get("failed", 0)
        return figures, application

    def _look_at_log(self) -> None:
        self._runtime.log.topics(f"raia.{self._runtime.service}.")

    def _look_at_objects(self) -> None:
        self._runtime.objects.exists(_PROBE)

    def _add_process(self, figures: diagnostics_pb2.ProcessFigures) -> None:
        with self._process.oneshot():
            times = self._process.cpu_times()
            figures.cpu_seconds = times.user + times.system
            figures.resident_bytes = self._process.memory_info().rss
            figures.threads = self._process.num_threads()
            figures.open_files = self._process.num_fds()
        if self._runtime.made("compute"):
            figures.compute_children = self._runtime.compute.stats().children

    def _add_calls(self, figures: diagnostics_pb2.ApplicationFigures) -> None:
        calls = self._runtime.rpc_metrics.figures()
        figures.calls, figures.internal_errors = calls.calls, calls.internal_errors
        figures.latency_p50_ms, figures.latency_p95_ms = calls.p50 * 1000, calls.p95 * 1000


def _timed(look: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = look()
    return result, (time.perf_counter() - started) * 1000
