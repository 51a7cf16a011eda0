"""Target schemas in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from raia.ingest.v1 import target_schema_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.target_schemas.domain import BUILT_IN, EntityDefinition, TargetSchema
from raia_ingest.target_schemas.tables import target_schema as table

_FIELDS = QueryFields(
    target_schema_pb2.TargetSchema.DESCRIPTOR,
    {name: table.c[name] for name in ("name", "description", "project_id", "format", "created_at", "updated_at")}
    | {"id": table.c.id},
)


class TargetSchemaRepository:
    """Reads and writes target schemas in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[TargetSchema], str]:
        """A page of the schemas that the caller may see, and the token of the next."""
        visible = select(table).where(table.c.deleted_at.is_(None), visibility.clause(table.c.project_id, table.c.id))
        found = list_page(unit.session, visible, _FIELDS, request)
        return [_schema(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, schema_id: UUID, *, deleted: bool = False) -> TargetSchema | None:
        """A schema; deleted ones only if asked."""
        query = select(table).where(table.c.id == schema_id)
        row = unit.session.execute(query if deleted else query.where(table.c.deleted_at.is_(None))).first()
        return _schema(row) if row is not None else None

    def built_in(self, unit: UnitOfWork) -> TargetSchema | None:
        """The organisation's copy of the built-in schema, also when it was deleted."""
        row = unit.session.execute(select(table).where(table.c.format == BUILT_IN)).first()
        return _schema(row) if row is not None else None

    def add(
        self,
        unit: UnitOfWork,
        *,
        name: str,
        description: str,
        project_id: UUID | None,
        format: str,
        entities: Sequence[EntityDefinition],
    ) -> UUID | None:
        """Adds a schema; None when its name is taken in the project."""
        made = insert(table).values(
            org_id=unit.tenant,
            id=new_id(),
            project_id=project_id,
            name=name,
            description=description,
            format=format,
            entities=[entity.document() for entity in entities],
            created_by=unit.actor.user_id,
        )
        row = unit.session.execute(made.on_conflict_do_nothing().returning(table.c.id)).first()
        return row.id if row is not None else None

    def lock(self, unit: UnitOfWork, schema_id: UUID) -> TargetSchema | None:
        """A schema, its row locked until the transaction ends."""
        query = select(table).where(table.c.id == schema_id, table.c.deleted_at.is_(None)).with_for_update()
        row = unit.session.execute(query).first()
        return _schema(row) if row is not None else None

    def delete(self, unit: UnitOfWork, schema_id: UUID) -> None:
        """Hides a schema."""
        unit.session.execute(
            update(table)
            .where(table.c.id == schema_id)
            .values(deleted_at=func.now(), updated_at=func.now(), revision=table.c.revision + 1)
        )


def _schema(row: Row[Any]) -> TargetSchema:
    return TargetSchema(
        id=row.id,
        name=row.name,
        description=row.description,
        project_id=row.project_id,
        format=row.format,
        entities=tuple(EntityDefinition.of(each) for each in row.entities),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
