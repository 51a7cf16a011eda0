"""The job of a run: a compute child makes the files, one transaction stores them all, or nothing is stored."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset, ReadOutcome, Upload
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.mapping_runs import events
from raia_ingest.mapping_runs.domain import (
    CANCELLED,
    CORRECTED,
    FAILED,
    OPEN,
    SUCCEEDED,
    MappingRun,
    ReviewItem,
    plan_of,
)
from raia_ingest.mapping_runs.repository import MappingRunRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings
from raia_ingest.target_schemas.domain import TargetSchema
from raia_ingest.target_schemas.repository import TargetSchemaRepository

RUN_JOB = "ingest.fill"
_FILL = "raia_ingest.workers.matching.fill:fill_entities"


@dataclass(frozen=True)
class _Work:
    """What a run needs, read in one transaction."""

    run: MappingRun
    dataset: Dataset
    schema: TargetSchema
    plan: list[dict[str, Any]]
    held: dict[str, Dataset]
    """The datasets that hold entities, at the versions that the run builds on."""
    retried: list[ReviewItem] | None


class RunJobs:
    """Runs, one after the other for each schema and project, so that each builds on the last."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        datasets: DatasetRepository,
        versions: VersionMaker,
        schemas: TargetSchemaRepository,
        mappings: MappingRepository,
        runs: MappingRunRepository,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._jobs, self._datasets, self._versions = jobs, datasets, versions
        self._schemas, self._mappings, self._runs = schemas, mappings, runs
        self._objects, self._changes, self._settings = objects, changes, settings
        jobs.task(
            RUN_JOB,
            time_limit=settings.read_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def enqueue(self, unit: UnitOfWork, run: MappingRun) -> None:
        """Has the run done once the unit of work has committed."""
        lock = f"fill {run.schema_id} {run.project_id}"
        arguments = {"run_id": str(run.id)}
        job_id = self._jobs.enqueue(unit, RUN_JOB, arguments, unit.tenant, unit.actor.user_id, lock=lock)
        self._runs.set_job(unit, run.id, job_id)

    def cancel(self, unit: UnitOfWork, run: MappingRun) -> None:
        """Ends a run that is not finished; its row is locked."""
        if run.job_id is not None:
            self._jobs.cancel(unit, run.job_id)
        self._end(unit, run.id, CANCELLED)

    def run(self, job: Job) -> None:
        """Does one run."""
        run_id = UUID(job.args["run_id"])
        with job.unit() as unit:
            run = self._runs.find(unit, run_id)
            if run is None or run.finished or run.job_id != job.id:
                return
            work = self._read(unit, run)
            self._runs.set_progress(unit, run_id, 0.0)
        with (
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._settings.scratch_folder) as folder,
            ExitStack() as held,
        ):
            found = job.compute(_FILL, {"job": self._arguments(work, folder, held)})
            stored = [
                (each, self._objects.put_file(job.org_id, Path(folder) / each["file"])) for each in found["entities"]
            ]
            with job.complete() as unit:
                self._runs.find(unit, run_id, lock=True)
                result = self._store(unit, work, found, stored)
                self._runs.put_items(unit, run_id, _lines(Path(folder) / "rejected.jsonl"))
                if work.retried:
                    self._runs.mark_stored(unit, [item.id for item in work.retried])
                self._end(unit, run_id, SUCCEEDED, result=result)

    def _read(self, unit: UnitOfWork, run: MappingRun) -> _Work:
        dataset = self._datasets.find(unit, run.dataset_id, run.dataset_version)
        schema = self._schemas.find(unit, run.schema_id, deleted=True)
        if dataset is None or schema is None:
            raise NotFound.of("dataset", run.dataset_id)
        dataset.version.require_ready(dataset.id)
        columns = dataset.version.columns
        plan = plan_of(
            self._mappings.columns(unit, run.mapping_id),
            {column.name: place for place, column in enumerate(columns)},
            {column.name: column.type for column in columns},
            schema,
        )
        held = {}
        for entity, dataset_id in self._runs.entities(unit, run.schema_id, run.project_id).items():
            found = self._datasets.find(unit, dataset_id)
            if found is not None and found.version.stored_key:
                held[entity] = found
        retried = self._runs.to_retry(unit, run.retry_of, (OPEN, CORRECTED)) if run.retry_of is not None else None
        if retried is not None:
            for each in plan:
                each["column_type"] = "string"
        return _Work(run, dataset, schema, plan, held, retried)

    def _arguments(self, work: _Work, folder: str, held: ExitStack) -> dict[str, Any]:
        existing = {
            entity: str(held.enter_context(self._objects.materialise(dataset.version.stored_key or "")))
            for entity, dataset in work.held.items()
        }
        columns = [
            {"name": column.name, "type": column.type, "timezone": column.timezone}
            for column in work.dataset.version.columns
        ]
        path = held.enter_context(self._objects.materialise(work.dataset.version.stored_key or ""))
        rows = None
        if work.retried is not None:
            rows = [{"record": item.record, "row": _texts(item.row)} for item in work.retried]
        return {
            "path": str(path),
            "rows": rows,
            "columns": columns,
            "plan": work.plan,
            "entities": [entity.document() for entity in work.schema.entities],
            "existing": existing,
            "folder": folder,
            "prefix": f"{work.run.dataset_id}/{work.run.dataset_version}",
            "now": datetime.now(UTC).replace(tzinfo=None).isoformat(),
            "memory_bytes": self._settings.profile_memory_bytes,
        }

    def _store(
        self, unit: UnitOfWork, work: _Work, found: Mapping[str, Any], stored: Sequence[tuple[dict[str, Any], Any]]
    ) -> dict[str, Any]:
        """Makes a version of each entity's dataset; answers the run's result."""
        filled = []
        for each, object_ in stored:
            name = self._name(unit, work, each["entity"])
            upload = Upload(
                name=name,
                description=f"{each['entity']} of the schema {work.schema.name}",
                filename=f"{each['entity']}.parquet",
                project_id=work.run.project_id,
                object_key=object_.key,
                sha256=object_.sha256,
                file_size=object_.size,
                file_type="parquet",
                origin={
                    "kind": "mapping",
                    "run_id": str(work.run.id),
                    "mapping_id": str(work.run.mapping_id),
                    "dataset_id": str(work.run.dataset_id),
                    "version": work.run.dataset_version,
                    "entity": each["entity"],
                },
            )
            made = self._versions.make(unit, upload, _outcome(each, object_), work.run.created_by)
            self._runs.put_entity(unit, work.run.schema_id, work.run.project_id, each["entity"], made.id)
            filled.append(
                {name: each[name] for name in ("entity", "inserted", "updated", "row_count")}
                | {"dataset_id": str(made.id), "version": made.version.number}
            )
        return {
            "ledger": found["ledger"],
            "entities": filled,
            "unresolved": found["unresolved"],
            "anomaly_count": found["anomaly_count"],
            "qualified_keys": found["qualified_keys"],
        }

    def _name(self, unit: UnitOfWork, work: _Work, entity: str) -> str:
        """The name of the dataset that holds an entity; it keeps the one that it has."""
        held = work.held.get(entity)
        current = self._datasets.find(unit, held.id) if held is not None else None
        return current.name if current is not None else f"{work.schema.name} {entity}"[:255]

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._runs.set_progress(unit, UUID(record.args["run_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end(unit, UUID(record.args["run_id"]), FAILED, error=error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        run = self._runs.find(unit, UUID(record.args["run_id"]), lock=True)
        if run is not None and run.job_id == record.id:
            self._end(unit, run.id, CANCELLED)

    def _end(
        self, unit: UnitOfWork, run_id: UUID, status: str, *, error: str = "", result: Mapping[str, Any] | None = None
    ) -> None:
        self._runs.find(unit, run_id, lock=True)
        if self._runs.end(unit, run_id, status, error=error, result=result):
            ended = self._runs.find(unit, run_id)
            if ended is not None:
                events.ended(unit, ended)
        unit.after_commit(self._changes.notify)


def _outcome(filled: Mapping[str, Any], stored: Any) -> ReadOutcome:
    ledger = {"records_read": filled["row_count"], "stored": filled["row_count"], "rejected": 0}
    return ReadOutcome(
        file_type="parquet",
        row_count=filled["row_count"],
        column_count=len(filled["columns"]),
        rejected_row_count=0,
        schema_info={"columns": filled["columns"], "reading": {}, "ledger": ledger, "notes": []},
        stored_key=stored.key,
        stored_sha256=stored.sha256,
        stored_bytes=stored.size,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items() if value is not None}


def _text(value: Any) -> str:
    """A corrected value as it would stand in a file; JSON knows no whole numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
