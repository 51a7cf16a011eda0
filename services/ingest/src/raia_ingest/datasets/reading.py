"""Turns a stored file into stored rows: in a compute child, while an uploader waits or in a job."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_ingest import metrics
from raia_ingest.changes import Changes
from raia_ingest.datasets import events
from raia_ingest.datasets.arrivals import Arrivals
from raia_ingest.datasets.domain import FAILED, PROCESSING, READY, Dataset, ReadOutcome, Upload
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

READ_JOB = "ingest.read"
_CRASHED = (
    "the file is damaged, or too complex to be read: save it anew, as CSV if it is a workbook, and upload it again"
)
_READ = "raia_ingest.workers.read:read_file"

Compute = Callable[[str, Mapping[str, Any]], Any]
"""Runs a function in a compute child."""


class FileReader:
    """Reads an object into canonical rows and stores them."""

    def __init__(self, objects: ObjectStore, settings: IngestSettings) -> None:
        self._objects = objects
        self._scratch = settings.scratch_folder
        self.limits = {"max_columns": settings.max_columns, "max_unpacked_bytes": settings.max_unpacked_bytes}

    def read(
        self, org_id: UUID, key: str, filename: str, compute: Compute, options: Mapping[str, Any] | None = None
    ) -> ReadOutcome:
        """Reads the file at ``key``; raises ``BadFile``, ``TooLarge``, or what ``compute`` and the store raise."""
        began = time.monotonic()
        with (
            self._objects.materialise(key) as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            target = Path(folder) / "canonical.parquet"
            arguments = {"path": str(path), "target": str(target), "filename": filename, "limits": self.limits}
            result = compute(_READ, arguments | {"wanted": wanted(options or {})})
            stored = self._objects.put_file(org_id, target)
            entries = Path(f"{target}.ledger")
            ledger = self._objects.put_file(org_id, entries) if entries.exists() else None
        metrics.READ_SECONDS.observe(time.monotonic() - began)
        metrics.READS.labels(result["file_type"], READY).inc()
        metrics.RECORDS.labels("stored").inc(result["ledger"]["stored"])
        metrics.RECORDS.labels("repaired").inc(result["ledger"]["repaired"])
        metrics.RECORDS.labels("rejected").inc(result["ledger"]["rejected"])
        return ReadOutcome(
            file_type=result["file_type"],
            row_count=result["row_count"],
            column_count=len(result["columns"]),
            rejected_row_count=result["ledger"]["rejected"],
            schema_info={name: result[name] for name in ("columns", "reading", "ledger", "notes", "parts")},
            stored_key=stored.key,
            stored_sha256=stored.sha256,
            stored_bytes=stored.size,
            repaired_row_count=result["ledger"]["repaired"],
            ledger_key=ledger.key if ledger is not None else None,
        )


def wanted(options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a version's options the readers of files take."""
    return {name: options[name] for name in ("part", "layout", "skip") if options.get(name)}


class ReadJobs:
    """The jobs that read uploaded files."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        datasets: DatasetRepository,
        reader: FileReader,
        changes: Changes,
        arrivals: Arrivals,
        settings: IngestSettings,
    ) -> None:
        self._jobs, self._datasets, self._reader, self._changes = jobs, datasets, reader, changes
        self._arrivals = arrivals
        jobs.task(READ_JOB, time_limit=settings.read_time_limit, on_failed=self._failed, on_cancelled=self._cancelled)(
            self.run
        )

    def enqueue(self, unit: UnitOfWork, dataset_id: UUID, version: int, user_id: UUID | None) -> None:
        """Has the version read once the unit of work has committed."""
        arguments = {"dataset_id": str(dataset_id), "version": version}
        # Versions of one dataset are read one after the other, so that they become ready in their order.
        job_id = self._jobs.enqueue(unit, READ_JOB, arguments, unit.tenant, user_id, lock=f"read {dataset_id}")
        self._datasets.set_job(unit, dataset_id, version, job_id)

    def run(self, job: Job) -> None:
        """Reads one version; a run that repeats an earlier one's work changes nothing twice."""
        dataset_id, number = _subject(job.args)
        with job.unit() as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
        if dataset is None or dataset.version.status != PROCESSING:
            return
        version = dataset.version
        outcome = self._reader.read(job.org_id, version.object_key, version.filename, job.compute, version.read_options)
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset_id)
            if locked is not None and self._datasets.mark_ready(unit, dataset_id, number, outcome):
                events.ready(unit, locked, number, outcome)
                arrived = self._datasets.find(unit, dataset_id, number)
                if arrived is not None:
                    self._arrivals.tell(unit, arrived)
                    self.spread(unit, arrived, job.user_id)
            unit.after_commit(self._changes.notify)

    def spread(self, unit: UnitOfWork, dataset: Dataset, user_id: UUID | None) -> None:
        """Has the other tables of a version's file made datasets of their own, if that was asked for."""
        version = dataset.version
        if not version.read_options.get("all_parts"):
            return
        for part in (version.schema_info or {}).get("parts", []):
            if part["table"] and not part["chosen"]:
                self.of_part(unit, dataset, str(part["name"]), "", user_id)

    def of_part(
        self, unit: UnitOfWork, dataset: Dataset, part: str, name: str, user_id: UUID | None
    ) -> tuple[UUID, int]:
        """Makes a version of a table in another version's file, to be read by a job; answers dataset and number."""
        version = dataset.version
        upload = Upload(
            name=(name or f"{dataset.name} {part}")[:255],
            description="",
            filename=version.filename,
            project_id=dataset.project_id,
            object_key=version.object_key,
            sha256=version.sha256,
            file_size=version.file_size,
            file_type=version.file_type,
            origin={"kind": "part", "dataset_id": str(dataset.id), "version": version.number, "part": part},
            options={"part": part},
        )
        made = self._datasets.add_version(unit, upload, user_id)
        events.uploaded(unit, *made, upload)
        self.enqueue(unit, *made, user_id)
        return made

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        # A file at which the reading process itself dies, again and again, is no fault that passes.
        crashed = error.reason == "COMPUTE_CHILD_DIED"
        self._end(unit, record, _CRASHED if crashed else error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._end(unit, record, "reading was cancelled")

    def _end(self, unit: UnitOfWork, record: JobRecord, message: str) -> None:
        dataset_id, number = _subject(record.args)
        locked = self._datasets.lock(unit, dataset_id)
        if self._datasets.mark_failed(unit, dataset_id, number, message) and locked is not None:
            metrics.READS.labels(locked.version.file_type, FAILED).inc()
            events.failed(unit, locked, number, message)
        unit.after_commit(self._changes.notify)


def _subject(arguments: Mapping[str, Any]) -> tuple[UUID, int]:
    return UUID(arguments["dataset_id"]), int(arguments["version"])
