"""The job that suggests where the columns of a dataset version go."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.mapping import events
from raia_ingest.mapping.domain import CANCELLED, FAILED, READY, ColumnMapping, DatasetMapping, effective
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.settings import IngestSettings
from raia_ingest.target_schemas.repository import TargetSchemaRepository

SUGGEST_JOB = "ingest.map"
_SUGGEST = "raia_ingest.workers.matching.suggest:suggest_mapping"


class SuggestJobs:
    """Suggestions, each in a compute child."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        datasets: DatasetRepository,
        schemas: TargetSchemaRepository,
        mappings: MappingRepository,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._jobs, self._datasets, self._schemas, self._mappings = jobs, datasets, schemas, mappings
        self._objects, self._changes = objects, changes
        jobs.task(
            SUGGEST_JOB,
            time_limit=settings.profile_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def enqueue(self, unit: UnitOfWork, mapping_id: UUID) -> None:
        """Has the mapping suggested once the unit of work has committed."""
        arguments = {"mapping_id": str(mapping_id)}
        job_id = self._jobs.enqueue(unit, SUGGEST_JOB, arguments, unit.tenant, unit.actor.user_id)
        self._mappings.set_job(unit, mapping_id, job_id)

    def cancel(self, unit: UnitOfWork, mapping: DatasetMapping) -> None:
        """Ends a suggestion that is not finished; its row is locked."""
        if mapping.job_id is not None:
            self._jobs.cancel(unit, mapping.job_id)
        self._end(unit, mapping.id, CANCELLED)

    def run(self, job: Job) -> None:
        """Suggests one mapping."""
        mapping_id = UUID(job.args["mapping_id"])
        with job.unit() as unit:
            mapping = self._mappings.find(unit, mapping_id)
            if mapping is None or mapping.finished or mapping.job_id != job.id:
                return
            dataset = self._datasets.find(unit, mapping.dataset_id, mapping.dataset_version)
            schema = self._schemas.find(unit, mapping.schema_id, deleted=True)
            feedback = self._mappings.heeded(unit, mapping.schema_id, mapping.project_id)
            self._mappings.set_progress(unit, mapping_id, 0.0)
        if dataset is None or schema is None:
            raise NotFound.of("dataset", mapping.dataset_id)
        dataset.version.require_ready(dataset.id)
        arguments = {
            "columns": described_columns(dataset),
            "fields": schema.matching_fields(),
            "verdicts": [each.verdict_document() for each in effective(feedback)],
            "accept_at": mapping.accept_at,
        }
        with self._objects.materialise(dataset.version.stored_key or "") as path:
            found = job.compute(_SUGGEST, {"path": str(path), **arguments}, affinity=dataset.version.stored_key or "")
        with job.complete() as unit:
            self._mappings.find(unit, mapping_id, lock=True)
            heeded = feedback[0].version if feedback else 0
            if self._mappings.end(unit, mapping_id, READY, feedback_version=heeded):
                self._mappings.put_columns(
                    unit, mapping_id, map(_column, range(len(found["columns"])), found["columns"])
                )
                self._tell(unit, mapping_id)
            unit.after_commit(self._changes.notify)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._mappings.set_progress(unit, UUID(record.args["mapping_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end(unit, UUID(record.args["mapping_id"]), FAILED, error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        mapping = self._mappings.find(unit, UUID(record.args["mapping_id"]), lock=True)
        if mapping is not None and mapping.job_id == record.id:
            self._end(unit, mapping.id, CANCELLED)

    def _end(self, unit: UnitOfWork, mapping_id: UUID, status: str, error: str = "") -> None:
        self._mappings.find(unit, mapping_id, lock=True)
        if self._mappings.end(unit, mapping_id, status, error=error):
            self._tell(unit, mapping_id)
        unit.after_commit(self._changes.notify)

    def _tell(self, unit: UnitOfWork, mapping_id: UUID) -> None:
        ended = self._mappings.find(unit, mapping_id)
        if ended is not None:
            events.suggested(unit, ended)


def described_columns(dataset: Dataset) -> list[dict[str, str]]:
    """Name, type and, where a data dictionary was read, description of a version's columns."""
    found = (dataset.version.schema_info or {}).get("columns", [])
    return [
        {"name": each["name"], "type": each["type"], "description": str(each.get("description") or "")}
        for each in found
    ]


def _column(position: int, found: Mapping[str, Any]) -> ColumnMapping:
    top = found["candidates"][0] if found["candidates"] else None
    likely = top is not None and top["probability"] >= found["no_match"]
    return ColumnMapping(
        position=position,
        name=found["summary"]["name"],
        status=found["status"],
        field=found["field"],
        summary=found["summary"],
        candidates=found["candidates"],
        no_match=found["no_match"],
        conversion=found["conversion"],
        algorithms=found["algorithms"],
        first=str(top["field"]) if top is not None and likely else "",
    )
