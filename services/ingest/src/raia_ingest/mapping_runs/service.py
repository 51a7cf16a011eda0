"""Use cases of runs: start, list, get, watch, cancel, retry, and deal with rejected records."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call, Caller
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.pagination import ListRequest

from raia_ingest.changes import Changes
from raia_ingest.mapping.faults import MappingEmpty, NothingToRetry
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.mapping_runs.domain import CORRECTED, DISMISSED, OPEN, MappingRun, ReviewItem
from raia_ingest.mapping_runs.filling import RunJobs
from raia_ingest.mapping_runs.repository import MappingRunRepository

_WATCH_SECONDS = 0.5


class MappingRunService:
    """Runs of mappings and their review queues."""

    def __init__(
        self,
        *,
        database: Database,
        mappings: MappingRepository,
        runs: MappingRunRepository,
        jobs: RunJobs,
        access: AccessIndex,
        changes: Changes,
    ) -> None:
        self._database, self._mappings, self._runs, self._jobs = database, mappings, runs, jobs
        self._access, self._changes = access, changes

    def start(self, unit: UnitOfWork, mapping_id: UUID) -> MappingRun:
        """Starts a run; raises ``NotFound``, ``MappingNotReady``, ``MappingEmpty``."""
        mapping = self._mappings.find(unit, mapping_id)
        if mapping is None:
            raise NotFound.of("mapping", mapping_id)
        mapping.require_ready()
        if not mapping.accepted_count:
            raise MappingEmpty(
                "no column goes into a field: accept or correct at least one",
                reason="MAPPING_EMPTY",
                metadata={"mapping_id": str(mapping_id)},
            )
        return self._begin(unit, self._runs.add(unit, mapping))

    def retry(self, unit: UnitOfWork, run_id: UUID) -> MappingRun:
        """Starts a run over what another one rejected; raises ``NotFound``, ``NothingToRetry``."""
        run = self.get(unit, run_id)
        mapping = self._mappings.find(unit, run.mapping_id)
        if mapping is None:
            raise NotFound.of("mapping", run.mapping_id)
        waiting = self._runs.to_retry(unit, run_id, (OPEN, CORRECTED))
        changed = mapping.revision != run.mapping_revision
        if not waiting or not (changed or any(item.status == CORRECTED for item in waiting)):
            raise NothingToRetry(
                "no record was corrected and the mapping has not changed: correct one, or the mapping, first",
                reason="NOTHING_TO_RETRY",
            )
        return self._begin(unit, self._runs.add(unit, mapping, retry_of=run_id))

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[MappingRun], str]:
        """A page of the runs that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "dataset")
        return self._runs.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, run_id: UUID) -> MappingRun:
        """One run; raises ``NotFound``."""
        found = self._runs.find(unit, run_id)
        if found is None:
            raise NotFound.of("mapping run", run_id)
        return found

    def watch(self, call: Call, run_id: UUID) -> Iterator[MappingRun]:
        """The run now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                found = self.get(unit, run_id)
            if (found.status, found.progress) != last:
                yield found
                last = (found.status, found.progress)
            if found.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, run_id: UUID) -> MappingRun:
        """Ends a run that is not finished; raises ``NotFound``."""
        found = self._runs.find(unit, run_id, lock=True)
        if found is None:
            raise NotFound.of("mapping run", run_id)
        if not found.finished:
            self._jobs.cancel(unit, found)
        return self.get(unit, run_id)

    def items(self, unit: UnitOfWork, run_id: UUID, request: Any) -> tuple[list[ReviewItem], str]:
        """A page of rejected records, and the token of the next; raises ``NotFound``."""
        self.get(unit, run_id)
        return self._runs.items(unit, run_id, request)

    def resolve(
        self, unit: UnitOfWork, run_id: UUID, item_id: UUID, action: str, values: Mapping[str, Any]
    ) -> ReviewItem:
        """Corrects or dismisses a rejected record; raises ``NotFound``, ``ItemClosed``."""
        item = self._runs.item(unit, run_id, item_id)
        if item is None:
            raise NotFound.of("review item", item_id)
        item.require_open()
        corrected = {**item.row, **values} if action == "correct" else item.row
        self._runs.resolve(unit, item, CORRECTED if action == "correct" else DISMISSED, corrected)
        found = self._runs.item(unit, run_id, item_id)
        if found is None:
            raise NotFound.of("review item", item_id)
        return found

    def _begin(self, unit: UnitOfWork, run_id: UUID) -> MappingRun:
        self._jobs.enqueue(unit, self.get(unit, run_id))
        return self.get(unit, run_id)
