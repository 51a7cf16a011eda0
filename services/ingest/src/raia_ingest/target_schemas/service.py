"""Use cases of target schemas: create, import, list, get, delete."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from uuid import UUID

import orjson
from raia.ingest.v1 import target_schema_service_pb2 as pb2
from raia_kit.access import AccessIndex
from raia_kit.compute import ComputePool
from raia_kit.context import Call, Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, PermissionDenied
from raia_kit.pagination import ListRequest

from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.mapping.faults import SchemaNameTaken
from raia_ingest.target_schemas.domain import BUILT_IN, EntityDefinition, TargetSchema, check
from raia_ingest.target_schemas.repository import TargetSchemaRepository

_PARSE = "raia_ingest.workers.matching.schema_import:parse_schema"
_PARSE_SECONDS = 20.0
_PERMISSION = "datasets.create"


class TargetSchemaService:
    """Schemas of an organisation; the insurance schema is there from the start."""

    def __init__(self, schemas: TargetSchemaRepository, access: AccessIndex, pool: ComputePool) -> None:
        self._schemas, self._access, self._pool = schemas, access, pool

    def create(
        self, unit: UnitOfWork, caller: Caller, request: pb2.CreateTargetSchemaRequest, entities: list[EntityDefinition]
    ) -> TargetSchema:
        """Adds a schema; raises ``SchemaInvalid``, ``SchemaNameTaken``, ``NotFound`` and ``PermissionDenied``."""
        return self._add(unit, caller, request, "api", entities)

    def parse(self, call: Call, request: pb2.ImportTargetSchemaRequest) -> list[EntityDefinition]:
        """The entities that a description tells; raises ``SchemaInvalid``."""
        arguments = {"format": request.format, "content": request.content, "dialect": request.dialect}
        found = self._pool.run(_PARSE, arguments, time_limit=_PARSE_SECONDS, share=str(call.org_id))
        return [EntityDefinition.of(each) for each in found["entities"]]

    def add_imported(
        self, unit: UnitOfWork, caller: Caller, request: pb2.ImportTargetSchemaRequest, entities: list[EntityDefinition]
    ) -> TargetSchema:
        """Adds a schema that was parsed; raises what ``create`` does."""
        return self._add(unit, caller, request, request.format, entities)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[TargetSchema], str]:
        """A page of the schemas that the caller may see, and the token of the next."""
        self.default(unit)
        visibility = self._access.visible_projects(caller, "datasets.read", "target_schema")
        return self._schemas.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, schema_id: UUID) -> TargetSchema:
        """One schema; raises ``NotFound``."""
        found = self._schemas.find(unit, schema_id)
        if found is None:
            raise NotFound.of("target schema", schema_id)
        return found

    def default(self, unit: UnitOfWork) -> TargetSchema | None:
        """The built-in schema, added to the organisation when it is first asked for; None when it was deleted."""
        found = self._schemas.built_in(unit)
        if found is None:
            name, description, entities = built_in()
            unit.hold("target schema built in")
            self._schemas.add(
                unit, name=name, description=description, project_id=None, format=BUILT_IN, entities=entities
            )
            found = self._schemas.built_in(unit)
        return self._schemas.find(unit, found.id) if found is not None else None

    def delete(self, unit: UnitOfWork, schema_id: UUID, etag: str) -> None:
        """Hides a schema; raises ``NotFound``, ``EtagMismatch``."""
        found = self._schemas.lock(unit, schema_id)
        if found is None:
            raise NotFound.of("target schema", schema_id)
        if etag and etag != found.etag:
            raise EtagMismatch(
                "the schema has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": found.etag},
            )
        self._schemas.delete(unit, schema_id)

    def _add(
        self,
        unit: UnitOfWork,
        caller: Caller,
        request: pb2.CreateTargetSchemaRequest | pb2.ImportTargetSchemaRequest,
        format: str,
        entities: Sequence[EntityDefinition],
    ) -> TargetSchema:
        check(entities)
        project = UUID(request.project_id) if request.project_id else None
        self._check_project(caller, project)
        added = self._schemas.add(
            unit,
            name=request.name.strip() or request.name,
            description=request.description,
            project_id=project,
            format=format,
            entities=entities,
        )
        if added is None:
            raise SchemaNameTaken(
                f"there is a schema named {request.name!r}: choose another name, or delete it first",
                reason="TARGET_SCHEMA_NAME_TAKEN",
                metadata={"name": request.name[:200]},
            )
        return self.get(unit, added)

    def _check_project(self, caller: Caller, project_id: UUID | None) -> None:
        if self._access.allows(caller, _PERMISSION, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise PermissionDenied(
            f"{_PERMISSION} is needed in this project",
            reason="PERMISSION_MISSING",
            metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
        )


@cache
def built_in() -> tuple[str, str, tuple[EntityDefinition, ...]]:
    """Name, description and entities of the schema that every organisation has."""
    found = orjson.loads(files("raia_ingest.target_schemas").joinpath("insurance.json").read_bytes())
    entities = tuple(EntityDefinition.of(each) for each in found["entities"])
    check(entities)
    return found["name"], found["description"], entities
