"""Use cases of routing and processing, and the jobs that do them."""

import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore
from raia_kit.pagination import ListRequest
from raia_kit.plugins import names
from raia_plugins import GROUP_PREFIX

from raia_ingest.datasets.domain import READY, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.processing import events
from raia_ingest.processing.domain import CANCELLED, CLASSIFIER, FAILED, PERSON, SUCCEEDED, ProcessingResult, Routing
from raia_ingest.processing.repository import ProcessingRepository, RoutingRepository
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

ROUTE_JOB = "ingest.route"
_ROUTE = "raia_ingest.workers.routing:route_file"
_PROCESS = "raia_ingest.workers.processing:process_file"
_OWN = "raia-ingest"


class ProcessingService:
    """Routes every version that becomes ready and has its category's processors work on it."""

    def __init__(
        self,
        *,
        datasets: DatasetRepository,
        routings: RoutingRepository,
        results: ProcessingRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        access: AccessIndex,
        settings: IngestSettings,
    ) -> None:
        self._datasets, self._routings, self._results = datasets, routings, results
        self._jobs, self._objects, self._access, self._settings = jobs, objects, access, settings
        self.processors = names("processor")
        jobs.task(ROUTE_JOB, time_limit=settings.routing_time_limit, on_failed=self._route_failed)(self.route)
        for processor in self.processors:
            # A kind of job each: its own queue, retries and, in what failed after them, its own dead letters.
            jobs.task(
                _kind(processor),
                queue=f"process-{processor}",
                time_limit=settings.processing_time_limit,
                on_failed=self._failed,
                on_cancelled=self._cancelled,
                on_progress=self._progressed,
            )(self.process)

    def begin(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Has a version routed once the unit of work has committed."""
        number = dataset.version.number
        arguments = {"dataset_id": str(dataset.id), "version": number}
        job_id = self._jobs.enqueue(unit, ROUTE_JOB, arguments, unit.tenant, unit.actor.user_id)
        self._routings.begin(unit, dataset.id, number, job_id)

    def routing(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Routing:
        """The decision on a version; raises ``NotFound``, and ``NotReady`` for a version that is not."""
        dataset = self._ready(unit, dataset_id, version)
        found = self._routings.find(unit, dataset_id, dataset.version.number)
        if found is None:  # it became ready before there was routing
            self.begin(unit, dataset)
            found = self._routings.find(unit, dataset_id, dataset.version.number)
        if found is None:
            raise missing(dataset_id, version)
        return found

    def correct(self, unit: UnitOfWork, dataset_id: UUID, version: int, category: str) -> Routing:
        """Writes a person's decision and has the category's processors begin, by a job that finds them."""
        self._datasets.lock(unit, dataset_id)
        dataset = self._ready(unit, dataset_id, version)
        number = dataset.version.number
        found = {"category": category, "confidence": 1.0, "scores": {category: 1.0}, "evidence": []}
        self._routings.decide(unit, dataset_id, number, found, PERSON)
        events.routed(unit, dataset, number, category, 1.0)
        arguments = {"dataset_id": str(dataset_id), "version": number}
        self._jobs.enqueue(unit, ROUTE_JOB, arguments, unit.tenant, unit.actor.user_id)
        decided = self._routings.find(unit, dataset_id, number)
        if decided is None:
            raise missing(dataset_id, version)
        return decided

    def start(
        self, unit: UnitOfWork, dataset_id: UUID, version: int, processor: str, options: Mapping[str, Any]
    ) -> ProcessingResult:
        """Has one processor work on a version, again if it has already; raises ``NotFound`` and ``NotReady``."""
        if processor not in self.processors:
            raise NotFound.of("processor", processor)
        self._datasets.lock(unit, dataset_id)
        dataset = self._ready(unit, dataset_id, version)
        routing = self._routings.find(unit, dataset_id, dataset.version.number)
        return self._enqueue(unit, dataset, processor, routing.category if routing else "", options)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[ProcessingResult], str]:
        """A page of results and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "dataset")
        return self._results.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, result_id: UUID) -> ProcessingResult:
        """One result; raises ``NotFound``."""
        found = self._results.find(unit, result_id)
        if found is None:
            raise NotFound.of("processing result", result_id)
        return found

    def retry(self, unit: UnitOfWork, result_id: UUID) -> ProcessingResult:
        """Begins what failed or was cancelled anew; anything else stays as it is."""
        result = self.get(unit, result_id)
        self._datasets.lock(unit, result.dataset_id)
        result = self._results.find(unit, result_id, lock=True) or result
        if result.status not in {FAILED, CANCELLED}:
            return result
        dataset = self._ready(unit, result.dataset_id, result.version)
        return self._enqueue(unit, dataset, result.processor, result.category, result.options)

    def cancel(self, unit: UnitOfWork, result_id: UUID) -> ProcessingResult:
        """Ends what is not finished."""
        result = self.get(unit, result_id)
        dataset = self._datasets.lock(unit, result.dataset_id)
        result = self._results.find(unit, result_id, lock=True) or result
        if not result.finished and result.job_id is not None and dataset is not None:
            self._jobs.cancel(unit, result.job_id)
            if self._results.cancel(unit, result_id, result.job_id):
                events.processed(unit, dataset, result, status=CANCELLED)
        return self.get(unit, result_id)

    def installed(self) -> Sequence[tuple[str, str]]:
        """The processors by name, with where each comes from: "platform" or the package that brings it."""
        found = {}
        for point in entry_points(group=f"{GROUP_PREFIX}processor"):
            package = point.dist.name if point.dist is not None else ""
            found[point.name] = "platform" if package == _OWN else package
        return sorted(found.items())

    def _ready(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Dataset:
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None:
            raise missing(dataset_id, version)
        dataset.version.require_ready(dataset_id)
        return dataset

    def _enqueue(
        self, unit: UnitOfWork, dataset: Dataset, processor: str, category: str, options: Mapping[str, Any]
    ) -> ProcessingResult:
        result_id = self._results.begin(
            unit, dataset.id, dataset.version.number, processor=processor, category=category, options=options
        )
        arguments = {"result_id": str(result_id), "dataset_id": str(dataset.id), "version": dataset.version.number}
        # Lanes bound how many of a processor run at once, over all replicas of the service.
        lane = result_id.int % self._settings.processor_concurrency
        kind = _kind(processor)
        job_id = self._jobs.enqueue(
            unit, kind, arguments, unit.tenant, unit.actor.user_id, lock=f"{kind} {unit.tenant} {lane}"
        )
        self._results.set_job(unit, result_id, job_id)
        return self.get(unit, result_id)

    def route(self, job: Job) -> None:
        """Decides where one version belongs, unless a person has, and has the processors begin."""
        dataset_id, number = UUID(job.args["dataset_id"]), int(job.args["version"])
        with job.unit() as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
            corrected = self._routings.correction(unit, dataset_id)
        if dataset is None or dataset.version.status != READY:
            return
        with self._objects.materialise(dataset.version.stored_key or "") as path:
            arguments = {"path": str(path), "columns": _columns(dataset), "filename": dataset.version.filename}
            arguments["category"] = corrected or ""
            found = job.compute(_ROUTE, arguments, affinity=dataset.version.stored_key or "")
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset_id)
            if locked is None:
                return
            by = PERSON if corrected else CLASSIFIER
            if self._routings.decide(unit, dataset_id, number, found, by) and not corrected:
                events.routed(unit, locked, number, found["category"], found["confidence"])
            for processor in found["processors"]:
                self._enqueue(unit, dataset, processor, found["category"], {})

    def _route_failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._routings.fail(unit, UUID(record.args["dataset_id"]), int(record.args["version"]), error.message)

    def process(self, job: Job) -> None:
        """Runs one processor."""
        result_id, dataset_id, number = _subject(job.args)
        with job.unit() as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
            result = self._results.find(unit, result_id)
            if dataset is None or result is None or result.finished or result.job_id != job.id:
                return
            self._results.run(unit, result_id)
        with (
            self._objects.materialise(dataset.version.stored_key or "") as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._settings.scratch_folder) as scratch,
        ):
            arguments = {
                "path": str(path),
                "columns": _columns(dataset),
                "filename": dataset.version.filename,
                "processor": result.processor,
                "options": dict(result.options),
                "memory_bytes": self._settings.profile_memory_bytes,
                "scratch_folder": scratch,
            }
            content = job.compute(_PROCESS, arguments, affinity=dataset.version.stored_key or "")
        with job.complete() as unit:
            locked = self._datasets.lock(unit, dataset_id)
            if self._results.succeed(unit, result_id, job.id, content) and locked is not None:
                events.processed(unit, locked, result, status=SUCCEEDED, headline=content["headline"])

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._results.set_progress(unit, UUID(record.args["result_id"]), record.id, fraction)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        result_id, dataset_id, _ = _subject(record.args)
        locked = self._datasets.lock(unit, dataset_id)
        result = self._results.find(unit, result_id)
        if self._results.fail(unit, result_id, record.id, error.message) and locked and result:
            events.processed(unit, locked, result, status=FAILED, headline=error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        result_id, dataset_id, _ = _subject(record.args)
        locked = self._datasets.lock(unit, dataset_id)
        result = self._results.find(unit, result_id)
        if self._results.cancel(unit, result_id, record.id) and locked and result:
            events.processed(unit, locked, result, status=CANCELLED)


def _kind(processor: str) -> str:
    return f"ingest.process.{processor}"


def _columns(dataset: Dataset) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.type} for column in dataset.version.columns]


def _subject(arguments: Mapping[str, Any]) -> tuple[UUID, UUID, int]:
    return UUID(arguments["result_id"]), UUID(arguments["dataset_id"]), int(arguments["version"])
