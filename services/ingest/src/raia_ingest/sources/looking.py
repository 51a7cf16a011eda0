"""The looks at sources: a chain of jobs, each of which enqueues the next in the transaction that ends it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_ingest import metrics
from raia_ingest.sources import events
from raia_ingest.sources.domain import GONE, WAITING, Entry, Item, Source
from raia_ingest.sources.faults import PlaceFault
from raia_ingest.sources.items import ItemRepository
from raia_ingest.sources.places import Places
from raia_ingest.sources.repository import SourceRepository
from raia_ingest.sources.taking import Taking

LOOK_JOB = "ingest.source_look"
_LOOK_SECONDS = 1800.0
_BATCH = 500


class Looking:
    """Looks at sources, and keeps each one's chain of looks going."""

    def __init__(
        self, *, sources: SourceRepository, items: ItemRepository, places: Places, taking: Taking, jobs: JobQueue
    ) -> None:
        self._sources, self._items, self._places, self._taking = sources, items, places, taking
        self._jobs = jobs
        jobs.task(LOOK_JOB, time_limit=_LOOK_SECONDS, on_failed=self._failed, on_cancelled=self._cancelled)(self.look)

    def schedule(self, unit: UnitOfWork, source: Source, seconds: float) -> None:
        """Has the next look begin after that time, in place of any that was to; the source's row must be locked."""
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        job_id = self._jobs.enqueue(
            unit,
            LOOK_JOB,
            {"source_id": str(source.id)},
            unit.tenant,
            source.created_by,
            lock=f"look {source.id}",
            not_before=at if seconds else None,
        )
        self._sources.schedule(unit, source.id, job_id, at)

    def at_once(self, unit: UnitOfWork, source: Source) -> None:
        """Has a look begin now, or right after the one that is under way; the source's row must be locked."""
        if source.poll_job_id is not None and self._jobs.status(unit, source.poll_job_id) == "doing":
            self._sources.ask_again(unit, source.id)
            return
        self.end(unit, source)
        self.schedule(unit, source, 0)

    def end(self, unit: UnitOfWork, source: Source) -> None:
        """Has no look follow; one that is under way has no more effect once its row says so."""
        if source.poll_job_id is None:
            return
        self._sources.forget_look(unit, source.id)  # first, or its cancelling would have another follow
        if self._jobs.status(unit, source.poll_job_id) == "todo":
            self._jobs.cancel(unit, source.poll_job_id)

    def look(self, job: Job) -> None:
        """One look: notes what is new, has settled files taken, and has the next look follow."""
        source_id = UUID(job.args["source_id"])
        with job.unit() as unit:
            source = self._sources.find(unit, source_id, lock=True)
            if source is None or source.poll_job_id != job.id:
                return  # another chain has it, or none
            self._sources.begin_look(unit, source_id)
        try:
            waiting = self._see(job, source)
        except PlaceFault as error:
            with job.complete() as unit:
                self._end_failed(unit, source_id, job.id, error.message)
            return
        with job.complete() as unit:
            locked = self._mine(unit, source_id, job.id)
            if locked is not None:
                self._items.vanish_unseen(unit, source_id, waiting)
                self._sources.looked(unit, source_id)
                self.schedule(unit, locked, _pause(locked, settling=bool(waiting)))
        metrics.SOURCE_LOOKS.labels(source.spec.kind, "succeeded").inc()

    def _see(self, job: Job, source: Source) -> list[UUID]:
        """Goes through the place; returns the items that may still grow."""
        place = self._places.open(job.org_id, source)
        waiting: list[UUID] = []
        entries = place.entries()
        while batch := list(islice(entries, _BATCH)):
            with job.unit() as unit:
                known = self._items.known(unit, source.id, [entry.key for entry in batch])
                now = self._items.now(unit)
                for entry in batch:
                    waits = self._note(unit, source, entry, known.get(entry.key, ()), now, whole=place.appears_whole)
                    waiting += [waits] if waits else []
        return waiting

    def _note(
        self, unit: UnitOfWork, source: Source, entry: Entry, known: Sequence[Item], now: datetime, *, whole: bool
    ) -> UUID | None:
        """Notes what is seen of one file, and has it taken when it has settled; returns the item if it has not."""
        item_id, since = self._state(unit, source, entry, known, now)
        if item_id is None:
            return None
        if not whole and now - since < timedelta(seconds=source.spec.settle_seconds):
            return item_id
        self._taking.enqueue(unit, source, item_id, entry.key)
        return None

    def _state(
        self, unit: UnitOfWork, source: Source, entry: Entry, known: Sequence[Item], now: datetime
    ) -> tuple[UUID | None, datetime]:
        """The item that waits to be taken and since when it is as it is; None when nothing is to be done."""
        same = next((item for item in known if item.fingerprint == entry.fingerprint), None)
        if same is not None and same.status not in (WAITING, GONE):
            return None, now
        if same is not None and same.status == WAITING:
            return same.id, same.seen_at
        again = same or next((item for item in known if item.status == WAITING), None)
        if again is not None:
            self._items.see(unit, again.id, entry)
            return again.id, now
        added = self._items.add(unit, source.id, entry, WAITING)
        return (None if entry.problem else added), now

    def _mine(self, unit: UnitOfWork, source_id: UUID, job_id: int) -> Source | None:
        """The source, its row locked, if the job is still the one that looks at it."""
        source = self._sources.find(unit, source_id, lock=True)
        return source if source is not None and source.poll_job_id == job_id else None

    def _end_failed(self, unit: UnitOfWork, source_id: UUID, job_id: int, error: str) -> None:
        """Notes that a look failed, tells it if the one before did not, and has the next one follow later."""
        locked = self._mine(unit, source_id, job_id)
        if locked is None:
            return
        self._sources.look_failed(unit, source_id, error)
        if not locked.failures:
            events.failed(unit, locked, error)
        self.schedule(unit, locked, 0 if locked.poll_again else locked.pause_after_failure())
        metrics.SOURCE_LOOKS.labels(locked.spec.kind, "failed").inc()

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end_failed(unit, UUID(record.args["source_id"]), record.id, error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._end_failed(unit, UUID(record.args["source_id"]), record.id, "the look took too long or was cancelled")


def _pause(source: Source, *, settling: bool) -> float:
    """Seconds until the next look: soon when files are to settle."""
    if source.poll_again:
        return 0
    pause = source.spec.poll_seconds
    return min(pause, max(1, source.spec.settle_seconds)) if settling else pause
