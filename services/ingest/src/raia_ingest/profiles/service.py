"""Use cases of profiles: ask for one, watch it, cancel it; and the job that computes it."""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_ingest.changes import Changes
from raia_ingest.datasets import events
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.errors import NotReady
from raia_ingest.profiles.domain import CANCELLED, FAILED, SUCCEEDED, Profile
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

PROFILE_JOB = "ingest.profile"
_PROFILE = "raia_ingest.workers.profile:profile_file"
_WATCH_SECONDS = 0.5

Shown = tuple[Dataset, Profile]
"""A profile with the dataset at the version that it is of."""


class ProfileService:
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
        self._database, self._datasets, self._profiles = database, datasets, profiles
        self._jobs, self._objects, self._changes = jobs, objects, changes
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder
        jobs.task(
            PROFILE_JOB,
            time_limit=settings.profile_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def get(self, call: Call, dataset_id: UUID, version: int, seconds: float) -> Shown:
        """The profile of a version, started if there is none, after waiting up to ``seconds`` for it to end.

        Raises ``NotFound``, and ``NotReady`` for a version that failed or is still being read then.
        """
        found = self._changes.await_result(
            lambda: self._look(call, dataset_id, version),
            lambda seen: not isinstance(seen, NotReady) and seen[1].finished,
            seconds,
        )
        if isinstance(found, NotReady):
            raise found
        return found

    def watch(self, call: Call, dataset_id: UUID, version: int) -> Iterator[Shown]:
        """The profile, started if there is none, now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            shown = self._look(call, dataset_id, version, restart=last is None)
            if not isinstance(shown, NotReady):
                state = (shown[1].status, shown[1].progress)
                if state != last:
                    yield shown
                    last = state
                if shown[1].finished:
                    return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Shown:
        """Ends a profile that is not finished; raises ``NotFound`` when none was asked for."""
        dataset = self._datasets.lock(unit, dataset_id)
        shown = self._datasets.find(unit, dataset_id, version)
        if dataset is None or shown is None:
            raise missing(dataset_id, version)
        profile = self._profiles.find(unit, dataset_id, shown.version.number, lock=True)
        if profile is None:
            raise NotFound.of("dataset profile", f"{dataset_id}/{shown.version.number}")
        if not profile.finished:
            if profile.job_id is not None:
                self._jobs.cancel(unit, profile.job_id)
            self._end_cancelled(unit, shown, profile.id)
            unit.after_commit(self._changes.notify)
        return shown, self._profiles.find(unit, dataset_id, shown.version.number) or profile

    def _look(self, call: Call, dataset_id: UUID, version: int, *, restart: bool = True) -> Shown | NotReady:
        """The profile as it stands, started first where that is needed; the error when the version may still come."""
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._datasets.find(unit, dataset_id, version)
            if dataset is None:
                raise missing(dataset_id, version)
            try:
                dataset.version.require_ready(dataset_id)
            except NotReady as error:
                if dataset.version.finished:
                    raise
                return error
            number = dataset.version.number
            profile = self._profiles.find(unit, dataset_id, number)
            if profile is None and self._profiles.create(unit, dataset_id, number):
                self._start(unit, dataset)
            elif profile is not None and restart and profile.to_be_started_anew(datetime.now(UTC)):
                locked = self._profiles.find(unit, dataset_id, number, lock=True)
                if locked is not None and locked.to_be_started_anew(datetime.now(UTC)):
                    self._profiles.restart(unit, locked.id)
                    self._start(unit, dataset)
            found = self._profiles.find(unit, dataset_id, number)
            if found is None:
                raise missing(dataset_id, version)
            return dataset, found

    def _start(self, unit: UnitOfWork, dataset: Dataset) -> None:
        profile = self._profiles.find(unit, dataset.id, dataset.version.number)
        if profile is None:
            raise missing(dataset.id, dataset.version.number)
        arguments = {
            "profile_id": str(profile.id),
            "dataset_id": str(dataset.id),
            "version": dataset.version.number,
        }
        job_id = self._jobs.enqueue(unit, PROFILE_JOB, arguments, unit.tenant, unit.actor.user_id)
        self._profiles.set_job(unit, profile.id, job_id)

    def run(self, job: Job) -> None:
        """Computes one profile."""
        dataset_id, number = UUID(job.args["dataset_id"]), int(job.args["version"])
        with job.unit() as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
            profile = self._profiles.find(unit, dataset_id, number)
            if dataset is None or profile is None or profile.finished or profile.job_id != job.id:
                return
            self._profiles.set_progress(unit, profile.id, 0.0)
        statistics = self._compute(job, dataset)
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset_id)
            if self._profiles.succeed(unit, profile.id, statistics) and locked is not None:
                events.profiled(unit, locked, number, SUCCEEDED)
            unit.after_commit(self._changes.notify)

    def _compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        version = dataset.version
        columns = [
            {"name": column.name, "type": column.type, "timezone": column.timezone} for column in version.columns
        ]
        with (
            self._objects.materialise(version.stored_key or "") as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            arguments = {
                "path": str(path),
                "columns": columns,
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            found: dict[str, Any] = job.compute(_PROFILE, arguments, affinity=version.stored_key or "")
        return found

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._profiles.set_progress(unit, UUID(record.args["profile_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        dataset_id, number = _subject(record.args)
        locked = self._datasets.lock(unit, dataset_id)
        ended = self._profiles.fail(unit, UUID(record.args["profile_id"]), error.message)
        if ended and locked is not None:
            events.profiled(unit, locked, number, FAILED)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        dataset_id, number = _subject(record.args)
        self._datasets.lock(unit, dataset_id)
        profile = self._profiles.find(unit, dataset_id, number)
        dataset = self._datasets.find(unit, dataset_id, number)
        # A profile that was started anew meanwhile has another job, which this one's end is not about.
        if profile is not None and profile.job_id == record.id:
            if dataset is None:
                self._profiles.cancel(unit, profile.id)
            else:
                self._end_cancelled(unit, dataset, profile.id)
        unit.after_commit(self._changes.notify)

    def _end_cancelled(self, unit: UnitOfWork, dataset: Dataset, profile_id: UUID) -> None:
        if self._profiles.cancel(unit, profile_id):
            events.profiled(unit, dataset, dataset.version.number, CANCELLED)


def _subject(arguments: Mapping[str, Any]) -> tuple[UUID, int]:
    return UUID(arguments["dataset_id"]), int(arguments["version"])
