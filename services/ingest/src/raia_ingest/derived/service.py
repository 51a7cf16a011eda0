"""Asking for what is derived from a version, watching and cancelling it; and the frame of the job that computes it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.derived.domain import CANCELLED, FAILED, SUCCEEDED, Derived
from raia_ingest.derived.repository import DerivedRepository
from raia_ingest.errors import NotReady

_WATCH_SECONDS = 0.5

Shown = tuple[Dataset, Derived]
"""What is derived, with the dataset at the version that it is of."""


class DerivedService(ABC):
    """One kind of result about dataset versions; a subclass says how it is computed."""

    def __init__(
        self,
        *,
        noun: str,
        kind: str,
        time_limit: float,
        database: Database,
        datasets: DatasetRepository,
        repository: DerivedRepository,
        jobs: JobQueue,
        changes: Changes,
    ) -> None:
        """``noun`` names the resource in errors; ``kind`` its jobs, each of which may take ``time_limit`` seconds."""
        self._noun, self._kind = noun, kind
        self._database, self._datasets, self._repository = database, datasets, repository
        self._jobs, self._changes = jobs, changes
        jobs.task(
            kind,
            time_limit=time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    @abstractmethod
    def compute(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        """The result for the version that the dataset is shown at."""

    @abstractmethod
    def announce(self, unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
        """Emits the event that tells of the end; the dataset's row is locked."""

    def get(self, call: Call, dataset_id: UUID, version: int, seconds: float) -> Shown:
        """The result of a version, started if there is none, after waiting up to ``seconds`` for it to end.

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
        """The result, started if there is none, now and whenever status or progress change, until it has ended."""
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
        """Ends work that is not finished; raises ``NotFound`` when none was asked for."""
        dataset = self._datasets.lock(unit, dataset_id)
        shown = self._datasets.find(unit, dataset_id, version)
        if dataset is None or shown is None:
            raise missing(dataset_id, version)
        found = self._repository.find(unit, dataset_id, shown.version.number, lock=True)
        if found is None:
            raise NotFound.of(self._noun, f"{dataset_id}/{shown.version.number}")
        if not found.finished:
            if found.job_id is not None:
                self._jobs.cancel(unit, found.job_id)
            self._end_cancelled(unit, shown, found.id)
            unit.after_commit(self._changes.notify)
        return shown, self._repository.find(unit, dataset_id, shown.version.number) or found

    def _look(self, call: Call, dataset_id: UUID, version: int, *, restart: bool = True) -> Shown | NotReady:
        """The result as it stands, started first where that is needed; the error when the version may still come."""
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
            found = self._repository.find(unit, dataset_id, number)
            if found is None and self._repository.create(unit, dataset_id, number):
                self._start(unit, dataset)
            elif found is not None and restart and found.to_be_started_anew(datetime.now(UTC)):
                locked = self._repository.find(unit, dataset_id, number, lock=True)
                if locked is not None and locked.to_be_started_anew(datetime.now(UTC)):
                    self._repository.restart(unit, locked.id)
                    self._start(unit, dataset)
            found = self._repository.find(unit, dataset_id, number)
            if found is None:
                raise missing(dataset_id, version)
            return dataset, found

    def begin(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Has it computed for a version that is ready, unless it was asked for before."""
        if self._repository.create(unit, dataset.id, dataset.version.number):
            self._start(unit, dataset)

    def _start(self, unit: UnitOfWork, dataset: Dataset) -> None:
        found = self._repository.find(unit, dataset.id, dataset.version.number)
        if found is None:
            raise missing(dataset.id, dataset.version.number)
        arguments = {
            "derived_id": str(found.id),
            "dataset_id": str(dataset.id),
            "version": dataset.version.number,
        }
        job_id = self._jobs.enqueue(unit, self._kind, arguments, unit.tenant, unit.actor.user_id)
        self._repository.set_job(unit, found.id, job_id)

    def run(self, job: Job) -> None:
        """Computes one result."""
        dataset_id, number = _subject(job.args)
        with job.unit() as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
            found = self._repository.find(unit, dataset_id, number)
            if dataset is None or found is None or found.finished or found.job_id != job.id:
                return
            self._repository.set_progress(unit, found.id, 0.0)
        result = self.compute(job, dataset)
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset_id)
            if self._repository.succeed(unit, found.id, result) and locked is not None:
                self.announce(unit, locked, number, SUCCEEDED)
            unit.after_commit(self._changes.notify)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._repository.set_progress(unit, _derived_id(record.args), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        dataset_id, number = _subject(record.args)
        locked = self._datasets.lock(unit, dataset_id)
        ended = self._repository.fail(unit, _derived_id(record.args), error.message)
        if ended and locked is not None:
            self.announce(unit, locked, number, FAILED)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        dataset_id, number = _subject(record.args)
        self._datasets.lock(unit, dataset_id)
        found = self._repository.find(unit, dataset_id, number)
        dataset = self._datasets.find(unit, dataset_id, number)
        # What was started anew meanwhile has another job, which this one's end is not about.
        if found is not None and found.job_id == record.id:
            if dataset is None:
                self._repository.cancel(unit, found.id)
            else:
                self._end_cancelled(unit, dataset, found.id)
        unit.after_commit(self._changes.notify)

    def _end_cancelled(self, unit: UnitOfWork, dataset: Dataset, derived_id: UUID) -> None:
        if self._repository.cancel(unit, derived_id):
            self.announce(unit, dataset, dataset.version.number, CANCELLED)


def _subject(arguments: Mapping[str, Any]) -> tuple[UUID, int]:
    return UUID(arguments["dataset_id"]), int(arguments["version"])


def _derived_id(arguments: Mapping[str, Any]) -> UUID:
    # Jobs of profiles that were enqueued before an upgrade name it otherwise.
    return UUID(arguments.get("derived_id") or arguments["profile_id"])
