"""Use cases of profiles: how one is computed."""

import tempfile
from typing import Any

from raia_kit.database import Database, UnitOfWork
from raia_kit.jobs import Job, JobQueue
from raia_kit.objects import ObjectStore

from raia_ingest.changes import Changes
from raia_ingest.datasets import events
from raia_ingest.datasets.domain import Dataset, Version
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.derived.domain import SUCCEEDED
from raia_ingest.derived.service import DerivedService
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

PROFILE_JOB = "ingest.profile"
_PROFILE = "raia_ingest.workers.profile:profile_file"


class ProfileService(DerivedService):
    """Profiles of dataset versions."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        profiles: ProfileRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        super().__init__(
            noun="dataset profile",
            kind=PROFILE_JOB,
            time_limit=settings.profile_time_limit,
            database=database,
            datasets=datasets,
            repository=profiles,
            jobs=jobs,
            changes=changes,
        )
        self._computing = ProfileComputing(objects, profiles, settings)

    def compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        """The statistics."""
        return self._computing.compute(job, dataset)

    def announce(self, unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
        """Tells that a profile has ended."""
        events.profiled(unit, dataset, version, status)


class ProfileComputing:
    """Computes profiles within jobs, their own and those that need one first."""

    def __init__(self, objects: ObjectStore, profiles: ProfileRepository, settings: IngestSettings) -> None:
        self._objects, self._profiles = objects, profiles
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder

    def compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        """The statistics of the version."""
        version = dataset.version
        with (
            self._objects.materialise(version.stored_key or "") as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            arguments = {
                "path": str(path),
                "columns": columns_of(version),
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            found: dict[str, Any] = job.compute(_PROFILE, arguments, affinity=version.stored_key or "")
        return found

    def known_or_computed(self, job: Job, datasets: DatasetRepository, dataset: Dataset) -> dict[str, Any]:
        """The statistics of the version, computed and kept as its profile when there is none yet."""
        number = dataset.version.number
        with job.unit() as unit:
            profile = self._profiles.find(unit, dataset.id, number)
        if profile is not None and profile.result is not None:
            return dict(profile.result)
        statistics = self.compute(job, dataset)
        with job.unit() as unit:
            locked = datasets.lock(unit, dataset.id)
            self._profiles.create(unit, dataset.id, number)
            profile = self._profiles.find(unit, dataset.id, number, lock=True)
            if profile is not None and locked is not None and self._profiles.succeed(unit, profile.id, statistics):
                events.profiled(unit, locked, number, SUCCEEDED)
        return statistics


def columns_of(version: Version) -> list[dict[str, str]]:
    """The version's columns as the compute functions take them."""
    return [{"name": column.name, "type": column.type, "timezone": column.timezone} for column in version.columns]
