"""Use cases of mappings: create, list, get, watch, cancel, delete, and look at their columns and at feedback."""

from collections.abc import Iterator
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call, Caller
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.pagination import ListRequest, PageToken, size_of

from raia_ingest.changes import Changes
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.mapping.domain import ACCEPT_AT, ColumnMapping, DatasetMapping, Feedback
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.mapping.suggesting import SuggestJobs
from raia_ingest.target_schemas.service import TargetSchemaService

_WATCH_SECONDS = 0.5


class MappingService:
    """Mappings of dataset versions."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        schemas: TargetSchemaService,
        mappings: MappingRepository,
        suggestions: SuggestJobs,
        access: AccessIndex,
        changes: Changes,
    ) -> None:
        self._database, self._datasets, self._schemas = database, datasets, schemas
        self._mappings, self._suggestions = mappings, suggestions
        self._access, self._changes = access, changes

    def create(
        self,
        unit: UnitOfWork,
        caller: Caller,
        dataset_id: UUID,
        *,
        version: int,
        schema_id: UUID | None,
        accept_at: float,
    ) -> DatasetMapping:
        """Starts a suggestion; raises ``NotFound``, ``NotReady``."""
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None:
            raise missing(dataset_id, version)
        dataset.version.require_ready(dataset_id)
        schema = self._schemas.get(unit, schema_id) if schema_id is not None else self._schemas.default(unit)
        if schema is None:
            raise NotFound.of("target schema", "insurance")
        if not self._access.sees(caller, project_id=schema.project_id):
            raise NotFound.of("target schema", schema.id)
        mapping_id = self._mappings.add(
            unit,
            dataset_id=dataset_id,
            dataset_version=dataset.version.number,
            schema_id=schema.id,
            project_id=dataset.project_id,
            accept_at=accept_at or ACCEPT_AT,
        )
        self._suggestions.enqueue(unit, mapping_id)
        return self.get(unit, mapping_id)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[DatasetMapping], str]:
        """A page of the mappings that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "dataset")
        return self._mappings.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, mapping_id: UUID) -> DatasetMapping:
        """One mapping; raises ``NotFound``."""
        found = self._mappings.find(unit, mapping_id)
        if found is None:
            raise NotFound.of("mapping", mapping_id)
        return found

    def watch(self, call: Call, mapping_id: UUID) -> Iterator[DatasetMapping]:
        """The mapping now and whenever status or progress change, until its suggestion has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                found = self.get(unit, mapping_id)
            if (found.status, found.progress) != last:
                yield found
                last = (found.status, found.progress)
            if found.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, mapping_id: UUID) -> DatasetMapping:
        """Ends a suggestion that is not finished; raises ``NotFound``."""
        found = self._mappings.find(unit, mapping_id, lock=True)
        if found is None:
            raise NotFound.of("mapping", mapping_id)
        if not found.finished:
            self._suggestions.cancel(unit, found)
        return self.get(unit, mapping_id)

    def delete(self, unit: UnitOfWork, mapping_id: UUID) -> None:
        """Hides a mapping, and ends its suggestion; raises ``NotFound``."""
        self.cancel(unit, mapping_id)
        self._mappings.delete(unit, mapping_id)

    def columns(
        self, unit: UnitOfWork, mapping_id: UUID, page_size: int, page_token: str
    ) -> tuple[list[ColumnMapping], str]:
        """A page of columns, and the token of the next; raises ``NotFound``, ``MappingNotReady``."""
        self.get(unit, mapping_id).require_ready()
        query = f"mapping columns {mapping_id}"
        after = int(str(PageToken.decode(page_token, query).keys[0])) if page_token else -1
        size = size_of(page_size)
        found = self._mappings.columns(unit, mapping_id, after=after, limit=size + 1)
        token = PageToken((found[size - 1].position,), query).encode() if len(found) > size else ""
        return found[:size], token

    def feedback(
        self, unit: UnitOfWork, caller: Caller, schema_id: UUID, page_size: int, page_token: str
    ) -> tuple[list[Feedback], str]:
        """A page of what was said about a schema, and the token of the next."""
        query = f"mapping feedback {schema_id}"
        before = int(str(PageToken.decode(page_token, query).keys[0])) if page_token else 0
        size = size_of(page_size)
        visibility = self._access.visible_projects(caller, "datasets.read", "dataset")
        found = self._mappings.feedback(unit, visibility, schema_id, before=before, limit=size + 1)
        token = PageToken((found[size - 1].version,), query).encode() if len(found) > size else ""
        return found[:size], token
