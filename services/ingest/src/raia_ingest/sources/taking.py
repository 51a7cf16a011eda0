"""The taking of items: a job each, which makes a file a version in the very transaction that marks it as taken."""

from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import InvalidArgument, RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import StoredObject

from raia_ingest import errors, metrics
from raia_ingest.datasets.domain import ReadOutcome, Upload, base_filename, dataset_name
from raia_ingest.ground import Ground
from raia_ingest.sources import events
from raia_ingest.sources.domain import PENDING, Item, Source, Vanished
from raia_ingest.sources.items import ItemRepository
from raia_ingest.sources.places import Places
from raia_ingest.sources.repository import SourceRepository

TAKE_JOB = "ingest.source_take"
_LANES = 4
_CRASHED = "the file is damaged, or too complex to be read: save it anew, as CSV if it is a workbook"


class Taking:
    """Takes items of sources."""

    def __init__(self, ground: Ground, sources: SourceRepository, items: ItemRepository, places: Places) -> None:
        self._ground, self._sources, self._items, self._places = ground, sources, items, places
        self._jobs: JobQueue = ground.runtime.jobs
        self._jobs.task(
            TAKE_JOB,
            time_limit=ground.settings.read_time_limit,
            queue="sources",
            on_failed=self._failed,
            on_cancelled=self._cancelled,
        )(self.take)

    def enqueue(self, unit: UnitOfWork, source: Source, item_id: UUID, key: str) -> None:
        """Has an item taken once the unit of work has committed; those of one dataset one after the other."""
        name = source.spec.dataset_name or dataset_name("", base_filename(key))
        lane = sum(name.encode()) % _LANES
        job_id = self._jobs.enqueue(
            unit,
            TAKE_JOB,
            {"source_id": str(source.id), "item_id": str(item_id)},
            unit.tenant,
            source.created_by,
            lock=f"take {source.id} {lane}",
        )
        self._items.pend(unit, item_id, job_id)

    def take(self, job: Job) -> None:
        """Takes one item; a run that repeats an earlier one's work changes nothing twice."""
        item_id = UUID(job.args["item_id"])
        with job.unit() as unit:
            source = self._sources.find(unit, UUID(job.args["source_id"]))
            item = self._items.find(unit, item_id, lock=True)
            if source is None or item is None or item.status != PENDING or item.job_id != job.id:
                return
            self._items.begin(unit, item_id)
            limit = self._limit(unit)
            before = self._items.last_taken(unit, source.id, item.key)
            if before is not None and self._ground.datasets.find(unit, before.dataset_id or item_id) is None:
                before = None  # its dataset was deleted
        try:
            stored = self._store(job, source, item, limit)
        except Vanished:
            with job.complete() as unit:
                self._items.vanish(unit, item_id)
            return
        if before is not None and before.sha256 == stored.sha256:
            with job.complete() as unit:
                self._items.same(unit, item_id, before)
            return
        if stored.size == 0:
            raise errors.empty(item.key)
        outcome = self._ground.reader.read(job.org_id, stored.key, base_filename(item.key), job.compute)
        with job.complete() as unit:
            self._become(unit, item, stored, outcome)
        metrics.SOURCE_ITEMS.labels(source.spec.kind, "taken").inc()

    def _limit(self, unit: UnitOfWork) -> int:
        quota, limit = self._ground.settings.quota_bytes, self._ground.settings.max_upload_bytes
        if not quota:
            return limit
        left = quota - self._ground.datasets.bytes_kept(unit)
        if left <= 0:
            raise errors.quota_exceeded(quota)
        return min(limit, left)

    def _store(self, job: Job, source: Source, item: Item, limit: int) -> StoredObject:
        """The file as it is, in the object store; raises ``Vanished`` when it is not what was seen."""
        place = self._places.open(job.org_id, source)
        try:
            return self._ground.runtime.objects.put_stream(
                job.org_id, place.read(item.key, item.fingerprint), max_bytes=limit
            )
        except InvalidArgument as error:
            if error.reason != "PAYLOAD_TOO_LARGE":
                raise
            if limit < self._ground.settings.max_upload_bytes:
                raise errors.quota_exceeded(self._ground.settings.quota_bytes) from error
            raise errors.too_large(limit, "the file is larger than allowed") from error

    def _become(self, unit: UnitOfWork, item: Item, stored: StoredObject, outcome: ReadOutcome) -> None:
        """Makes the file a version, marks the item, and has the version profiled."""
        source = self._sources.find(unit, item.source_id, lock=True)
        locked = self._items.find(unit, item.id, lock=True)
        if source is None or locked is None or locked.status != PENDING:
            return
        origin: dict[str, Any] = {
            "kind": "source",
            "source_id": str(source.id),
            "source_name": source.spec.name,
            "source_item_id": str(item.id),
            "item_key": item.key,
        }
        filename = base_filename(item.key)
        upload = Upload(
            name=dataset_name(source.spec.dataset_name, filename),
            description="",
            filename=filename,
            project_id=source.project_id,
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            file_type=outcome.file_type,
            origin=origin,
        )
        dataset = self._ground.versions.make(unit, upload, outcome, source.created_by)
        self._items.take(unit, item.id, stored.sha256, dataset)
        if source.spec.profile:
            self._ground.profiles.begin(unit, dataset)
        events.taken(unit, source, item, dataset)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end(unit, record, _CRASHED if error.reason == "COMPUTE_CHILD_DIED" else error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._end(unit, record, "taking it took too long or was cancelled")

    def _end(self, unit: UnitOfWork, record: JobRecord, error: str) -> None:
        source = self._sources.find(unit, UUID(record.args["source_id"]), lock=True)
        item = self._items.find(unit, UUID(record.args["item_id"]))
        if source is None or item is None or not self._items.fail(unit, item.id, record.id, error):
            return
        events.item_failed(unit, source, item, error)
        metrics.SOURCE_ITEMS.labels(source.spec.kind, "failed").inc()
