"""The job that compares two versions."""

import tempfile
from pathlib import Path
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_ingest.changes import Changes
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.derived.domain import FAILED, SUCCEEDED
from raia_ingest.profiles.service import columns_of
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings
from raia_ingest.version_diffs.events import compared
from raia_ingest.version_diffs.repository import VersionDiffRepository
from raia_ingest.version_diffs.service import DIFF_JOB

_DIFF = "raia_ingest.workers.diff:diff_files"


class DiffWork:
    """Computes differences."""

    def __init__(
        self,
        *,
        datasets: DatasetRepository,
        diffs: VersionDiffRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._datasets, self._diffs, self._objects, self._changes = datasets, diffs, objects, changes
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder
        jobs.task(
            DIFF_JOB,
            time_limit=settings.diff_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def run(self, job: Job) -> None:
        """Compares once; repeated, it changes nothing twice."""
        diff_id = _diff_id(job)
        with job.unit() as unit:
            known = self._diffs.by_id(unit, diff_id)
            if known is None or known[1].finished or known[1].job_id != job.id:
                return
            subject = known[0]
            base = self._datasets.find(unit, subject.dataset_id, subject.base_version)
            dataset = self._datasets.find(unit, subject.dataset_id, subject.version)
            if base is None or dataset is None:
                return
            base.version.require_ready(subject.dataset_id)
            dataset.version.require_ready(subject.dataset_id)
            self._diffs.set_progress(unit, diff_id, 0.0)
        with (
            self._objects.materialise(base.version.stored_key or "") as base_path,
            self._objects.materialise(dataset.version.stored_key or "") as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            output = Path(folder) / "differences.parquet"
            arguments = {
                "base_path": str(base_path),
                "base_columns": columns_of(base.version),
                "path": str(path),
                "columns": columns_of(dataset.version),
                "keys": list(subject.keys),
                "output": str(output),
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            result = job.compute(_DIFF, arguments, affinity=dataset.version.stored_key or "")
            rows = self._objects.put_file(job.org_id, output)
        with job.complete() as unit:
            locked = self._datasets.lock(unit, subject.dataset_id)
            self._diffs.keep_rows(unit, diff_id, rows.key)
            if self._diffs.succeed(unit, diff_id, result) and locked is not None:
                compared(unit, locked, subject, diff_id, SUCCEEDED)
            unit.after_commit(self._changes.notify)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._diffs.set_progress(unit, _diff_id(record), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        known = self._diffs.by_id(unit, _diff_id(record))
        if known is not None:
            locked = self._datasets.lock(unit, known[0].dataset_id)
            if self._diffs.fail(unit, known[1].id, error.message) and locked is not None:
                compared(unit, locked, known[0], known[1].id, FAILED)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        known = self._diffs.by_id(unit, _diff_id(record), lock=True)
        # What was started anew meanwhile has another job, which this one's end is not about.
        if known is not None and known[1].job_id == record.id:
            self._diffs.cancel(unit, known[1].id)
        unit.after_commit(self._changes.notify)


def _diff_id(record: Job | JobRecord) -> UUID:
    return UUID(record.args["diff_id"])
