"""Suggests past mappings anew with today's feedback, and says what would have changed."""

from dataclasses import dataclass
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import NotFound
from raia_kit.pagination import PageToken

from raia_ingest.mapping.domain import ColumnMapping, DatasetMapping, effective
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.target_schemas.repository import TargetSchemaRepository

_REPLAY = "raia_ingest.workers.matching.suggest:replay_mappings"
_DEFAULT_PAGE = 10
_SECONDS = 100.0


@dataclass(frozen=True)
class Change:
    """A column that would go elsewhere today."""

    column: str
    before: str
    after: str
    probability: float


class ReplayService:
    """Feedback over past files; changes nothing."""

    def __init__(
        self,
        *,
        database: Database,
        schemas: TargetSchemaRepository,
        mappings: MappingRepository,
        access: AccessIndex,
        pool: ComputePool,
    ) -> None:
        self._database, self._schemas, self._mappings = database, schemas, mappings
        self._access, self._pool = access, pool

    def page(
        self, call: Call, schema_id: UUID, page_size: int, page_token: str, version: int
    ) -> tuple[list[tuple[DatasetMapping, list[Change]]], str]:
        """Past mappings with what would change in each, newest first, and the token of the next page."""
        query = f"replay {schema_id} {version}"
        before = UUID(str(PageToken.decode(page_token, query).keys[0])) if page_token else None
        size = page_size or _DEFAULT_PAGE
        visibility = self._access.visible_projects(call.authenticated, "datasets.read", "dataset")
        with self._database.unit_of_work(call.org_id) as unit:
            schema = self._schemas.find(unit, schema_id)
            if schema is None:
                raise NotFound.of("target schema", schema_id)
            past = self._mappings.past(unit, visibility, schema_id, before, size + 1)
            shown = past[:size]
            columns = {each.id: self._mappings.columns(unit, each.id) for each in shown}
            heeded = {
                project: self._mappings.heeded(unit, schema_id, project, upto=version)
                for project in {each.project_id for each in shown}
            }
        token = PageToken((str(shown[-1].id),), query).encode() if len(past) > size else ""
        today: dict[str, list[dict[str, object]]] = {}
        for project, feedback in heeded.items():
            arguments = {
                "mappings": [
                    {"id": str(each.id), "columns": [dict(column.summary) for column in columns[each.id]]}
                    for each in shown
                    if each.project_id == project
                ],
                "fields": schema.matching_fields(),
                "verdicts": [each.verdict_document() for each in effective(feedback)],
            }
            found = self._pool.run(_REPLAY, arguments, time_limit=_SECONDS, share=str(call.org_id))
            today |= {each["id"]: each["columns"] for each in found["mappings"]}
        return [(each, _changes(columns[each.id], today[str(each.id)])) for each in shown], token


def _changes(columns: list[ColumnMapping], today: list[dict[str, object]]) -> list[Change]:
    return [
        Change(column.name, column.first, str(found["field"]), float(str(found["probability"])))
        for column, found in zip(columns, today, strict=True)
        if found["field"] != column.first
    ]
