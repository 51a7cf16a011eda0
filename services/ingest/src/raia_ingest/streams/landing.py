"""Lands what waits in a stream as a dataset version."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore
from sqlalchemy import func, text

from raia_ingest.datasets.domain import ReadOutcome, Upload
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings
from raia_ingest.streams import events
from raia_ingest.streams.domain import Batch, Stream
from raia_ingest.streams.intake import IntakeRepository
from raia_ingest.streams.repository import StreamRepository

LAND_JOB = "ingest.land_stream"
_LAND = "raia_ingest.workers.stream_landing:land"
_MOST_RECORDS = 5_000_000
"""Records of one version at most; what waits beyond becomes the next."""
_AGAIN = "interval '1 minute'"
"""After which a landing that failed is tried again."""


class LandingService:
    """The jobs that land; each record is in one version, whatever dies in between."""

    def __init__(
        self,
        *,
        database: Database,
        streams: StreamRepository,
        intake: IntakeRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        versions: VersionMaker,
        settings: IngestSettings,
    ) -> None:
        self._database, self._streams, self._intake = database, streams, intake
        self._jobs, self._objects, self._versions, self._settings = jobs, objects, versions, settings
        jobs.task(LAND_JOB, time_limit=settings.read_time_limit, on_failed=self._failed, on_cancelled=self._cancelled)(
            self.run
        )

    def enqueue_due(self) -> int:
        """Has every stream landed whose records have waited long enough, or are enough; answers how many."""
        with self._database.platform_unit_of_work() as unit:
            due = unit.session.execute(text("select org_id, id from streams_to_land()")).all()
        for row in due:
            with self._database.unit_of_work(row.org_id) as unit:
                self._enqueue(unit, row.id)
        return len(due)

    def _enqueue(self, unit: UnitOfWork, stream_id: UUID) -> None:
        stream = self._streams.find(unit, stream_id, lock=True, deleted=True)
        if stream is None or stream.landing_job_id is not None:
            return
        job_id = self._jobs.enqueue(
            unit, LAND_JOB, {"stream_id": str(stream_id)}, unit.tenant, stream.created_by, lock=f"land {stream_id}"
        )
        self._streams.note(unit, stream_id, {"landing_job_id": job_id})

    def run(self, job: Job) -> None:
        """Lands the oldest batches of one schema."""
        stream_id = UUID(job.args["stream_id"])
        with job.unit() as unit:
            stream = self._streams.find(unit, stream_id, deleted=True)
            if stream is None or stream.landing_job_id != job.id:
                return
            _, batches = self._intake.waiting(unit, stream_id, min(_MOST_RECORDS, 4 * stream.max_records))
        made = self._write(job, stream, batches) if any(each.stored for each in batches) else None
        with job.complete() as unit:
            locked = self._streams.find(unit, stream_id, lock=True, deleted=True)
            if locked is None:
                return
            if not batches:
                self._streams.note(unit, stream_id, {"landing_job_id": None, "land_at": None})
                return
            self._finish(unit, locked, batches, made)

    def _write(self, job: Job, stream: Stream, batches: Sequence[Batch]) -> tuple[Upload, ReadOutcome]:
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._settings.scratch_folder) as folder:
            paths = []
            for each in batches:
                if each.stored:
                    path = Path(folder) / f"{each.number}.arrow"
                    with job.unit() as unit:
                        path.write_bytes(self._intake.content(unit, stream.id, each.number))
                    paths.append(str(path))
            target = Path(folder) / "canonical.parquet"
            found = job.compute(_LAND, {"batches": paths, "target": str(target)})
            stored = self._objects.put_file(job.org_id, target)
        rejected = sum(each.rejected for each in batches)
        outcome = ReadOutcome(
            file_type="parquet",
            row_count=found["row_count"],
            column_count=len(found["columns"]),
            rejected_row_count=rejected,
            schema_info=_schema_info(found, rejected),
            stored_key=stored.key,
            stored_sha256=stored.sha256,
            stored_bytes=stored.size,
        )
        upload = Upload(
            name=stream.dataset_name[:255],
            description="",
            filename=f"{stream.dataset_name[:490]}.parquet",
            project_id=stream.project_id,
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            file_type="parquet",
            origin={
                "kind": "stream",
                "stream_id": str(stream.id),
                "landing": stream.landings + 1,
                "first_batch": batches[0].number,
                "last_batch": batches[-1].number,
            },
        )
        return upload, outcome

    def _finish(
        self,
        unit: UnitOfWork,
        stream: Stream,
        batches: Sequence[Batch],
        made: tuple[Upload, ReadOutcome] | None,
    ) -> None:
        if made is None:
            self._intake.land(unit, stream, batches, None)
            return
        upload, outcome = made
        dataset = self._versions.make(unit, upload, outcome, stream.created_by)
        self._intake.land(unit, stream, batches, (dataset.id, dataset.version.number))
        events.landed(unit, stream, dataset, outcome.row_count)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._later(unit, record, f"records could not be landed, which is tried again: {error.message}")

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._later(unit, record, "")

    def _later(self, unit: UnitOfWork, record: JobRecord, error: str) -> None:
        stream = self._streams.find(unit, UUID(record.args["stream_id"]), lock=True, deleted=True)
        if stream is not None and stream.landing_job_id == record.id:
            values: dict[str, Any] = {"landing_job_id": None, "land_at": func.now() + text(_AGAIN)}
            self._streams.note(unit, stream.id, {**values, "error": error})


def _schema_info(found: dict[str, Any], rejected: int) -> dict[str, Any]:
    ledger = {
        "records_read": found["row_count"] + rejected,
        "stored": found["row_count"],
        "rejected": rejected,
        "rejections": [],
    }
    return {"columns": found["columns"], "reading": {}, "ledger": ledger, "notes": []}
