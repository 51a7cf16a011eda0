"""The job that makes an export: collects the record, renders and stores it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from raia_kit.channels import ServiceChannels
from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.identity import ServiceIdentity
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_workspace.exports import events
from raia_workspace.exports.collect import Collector, Sources
from raia_workspace.exports.domain import CANCELLED, FAILED, PDF, SUCCEEDED, Stored
from raia_workspace.exports.repository import ExportRepository
from raia_workspace.settings import WorkspaceSettings

EXPORT_JOB = "workspace.export"
PERMISSIONS = ("audit.read", "datasets.read", "explanations.read", "fairness.read", "models.read")
_RENDER = "raia_workspace.workers.pdf:render"


class ExportJobs:
    """Makes exports."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        exports: ExportRepository,
        objects: ObjectStore,
        channels: ServiceChannels,
        identity: ServiceIdentity,
        settings: WorkspaceSettings,
    ) -> None:
        self._exports, self._objects, self._channels = exports, objects, channels
        self._identity, self._settings = identity, settings
        jobs.task(
            EXPORT_JOB,
            time_limit=settings.export_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def run(self, job: Job) -> None:
        """Makes one export; a run that repeats an earlier one's work changes nothing twice."""
        export_id = UUID(job.args["export_id"])
        with job.unit() as unit:
            export = self._exports.find(unit, export_id)
            if export is None or export.finished:
                return
            self._exports.set_progress(unit, export_id, 0.0)
        user_id = export.created_by
        sources = Sources(
            self._channels, lambda: self._identity.exchange(user_id, job.org_id, str(export_id), PERMISSIONS)
        )
        collector = Collector(sources, job, patience=self._settings.explanation_patience)
        record = collector.collect(str(export.model_id), export.version)
        content = self._rendered(job, export.format, record)
        self._store(job, export_id, content, record["omissions"])

    def _rendered(self, job: Job, format_: str, record: Mapping[str, Any]) -> bytes:
        document = orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        if format_ != PDF:
            return document
        rendered: bytes = job.compute(_RENDER, {"document": document}, affinity="pdf")
        return rendered

    def _store(self, job: Job, export_id: UUID, content: bytes, omissions: list[str]) -> None:
        put = self._objects.put_stream(job.org_id, [content], max_bytes=len(content))
        stored = Stored(put.key, put.sha256, put.size)
        with job.complete() as unit:
            unit.hold(stored.key)
            if not self._objects.exists(stored.key):  # deleted meanwhile with another export of the same content
                self._objects.put_stream(job.org_id, [content], max_bytes=len(content))
            export = self._exports.find(unit, export_id, lock=True)
            if export is not None and self._exports.succeed(unit, export_id, stored, omissions):
                events.finished(unit, export, SUCCEEDED)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._exports.set_progress(unit, UUID(record.args["export_id"]), fraction)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        export = self._exports.find(unit, UUID(record.args["export_id"]), lock=True)
        if export is not None and self._exports.fail(unit, export.id, error.message):
            events.finished(unit, export, FAILED)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        export = self._exports.find(unit, UUID(record.args["export_id"]), lock=True)
        if export is not None and self._exports.cancel(unit, export.id):
            events.finished(unit, export, CANCELLED)
