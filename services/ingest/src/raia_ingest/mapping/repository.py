"""Mappings, their columns and feedback in PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import mapping_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, func, insert, select, update

from raia_ingest.datasets.tables import dataset
from raia_ingest.mapping.domain import (
    GOING,
    PENDING,
    READY,
    RUNNING,
    SUGGESTED,
    ColumnMapping,
    DatasetMapping,
    Feedback,
)
from raia_ingest.mapping.tables import mapping as table
from raia_ingest.mapping.tables import mapping_column, mapping_feedback

_FIELDS = QueryFields(
    mapping_pb2.Mapping.DESCRIPTOR,
    {
        name: table.c[name]
        for name in ("id", "dataset_id", "schema_id", "project_id", "status", "created_at", "updated_at")
    },
)
_MOST_FEEDBACK = 2_000
_DATASETS = select(dataset.c.id).where(dataset.c.deleted_at.is_(None))
"""What was deleted takes its mappings along."""
_CONTENT = ("summary", "candidates", "no_match", "conversion", "algorithms", "first")


class MappingRepository:
    """Reads and writes mappings in the unit of work that it is given."""

    def add(
        self,
        unit: UnitOfWork,
        *,
        dataset_id: UUID,
        dataset_version: int,
        schema_id: UUID,
        project_id: UUID | None,
        accept_at: float,
    ) -> UUID:
        """Adds a pending mapping."""
        mapping_id = new_id()
        unit.session.execute(
            insert(table).values(
                org_id=unit.tenant,
                id=mapping_id,
                dataset_id=dataset_id,
                dataset_version=dataset_version,
                schema_id=schema_id,
                project_id=project_id,
                status=PENDING,
                accept_at=accept_at,
                created_by=unit.actor.user_id,
            )
        )
        return mapping_id

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[DatasetMapping], str]:
        """A page of the mappings of datasets that the caller may see, and the token of the next."""
        visible = select(table).where(
            table.c.deleted_at.is_(None),
            visibility.clause(table.c.project_id, table.c.dataset_id),
            table.c.dataset_id.in_(_DATASETS),
        )
        found = list_page(unit.session, visible, _FIELDS, request)
        return [_mapping(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, mapping_id: UUID, *, lock: bool = False) -> DatasetMapping | None:
        """A mapping that is not deleted, its row locked if asked."""
        query = select(table).where(table.c.id == mapping_id, table.c.deleted_at.is_(None))
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _mapping(row) if row is not None else None

    def past(
        self, unit: UnitOfWork, visibility: Visibility, schema_id: UUID, before: UUID | None, limit: int
    ) -> list[DatasetMapping]:
        """Mappings to a schema that are ready and seen, newest first, from after the one named ``before``."""
        query = select(table).where(
            table.c.schema_id == schema_id,
            table.c.status == READY,
            table.c.deleted_at.is_(None),
            visibility.clause(table.c.project_id, table.c.dataset_id),
            table.c.dataset_id.in_(_DATASETS),
        )
        if before is not None:
            query = query.where(table.c.id < before)
        rows = unit.session.execute(query.order_by(table.c.id.desc()).limit(limit))
        return [_mapping(row) for row in rows]

    def set_job(self, unit: UnitOfWork, mapping_id: UUID, job_id: int) -> None:
        """Notes which job suggests."""
        unit.session.execute(update(table).where(table.c.id == mapping_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, mapping_id: UUID, progress: float) -> None:
        """Notes how far the suggestion is."""
        unit.session.execute(
            update(table)
            .where(table.c.id == mapping_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def end(
        self, unit: UnitOfWork, mapping_id: UUID, status: str, *, error: str = "", feedback_version: int = 0
    ) -> bool:
        """Ends the suggestion; False when it has ended otherwise."""
        row = unit.session.execute(
            update(table)
            .where(table.c.id == mapping_id, table.c.status.in_((PENDING, RUNNING)))
            .values(
                status=status,
                error=error,
                feedback_version=feedback_version,
                progress=1.0 if not error else table.c.progress,
                revision=table.c.revision + 1,
                updated_at=func.now(),
            )
            .returning(table.c.id)
        ).first()
        return row is not None

    def delete(self, unit: UnitOfWork, mapping_id: UUID) -> None:
        """Hides a mapping."""
        unit.session.execute(
            update(table).where(table.c.id == mapping_id).values(deleted_at=func.now(), revision=table.c.revision + 1)
        )

    def put_columns(self, unit: UnitOfWork, mapping_id: UUID, columns: Iterable[ColumnMapping]) -> None:
        """Adds the columns of a suggestion."""
        rows = [
            {
                "org_id": unit.tenant,
                "mapping_id": mapping_id,
                "position": each.position,
                "name": each.name,
                "status": each.status,
                "field": each.field,
                "content": _content(each),
            }
            for each in columns
        ]
        if rows:
            unit.session.execute(insert(mapping_column), rows)
        self.count(unit, mapping_id)

    def update_column(self, unit: UnitOfWork, mapping_id: UUID, column: ColumnMapping) -> None:
        """Writes what was decided about a column."""
        unit.session.execute(
            update(mapping_column)
            .where(mapping_column.c.mapping_id == mapping_id, mapping_column.c.position == column.position)
            .values(
                status=column.status,
                field=column.field,
                content=_content(column),
                decided_by=unit.actor.user_id,
                decided_at=func.now(),
            )
        )

    def count(self, unit: UnitOfWork, mapping_id: UUID, feedback_version: int | None = None) -> None:
        """Counts the columns anew and changes the etag."""
        of_mapping = select(func.count()).where(mapping_column.c.mapping_id == mapping_id)
        values: dict[str, Any] = {
            "column_count": of_mapping.scalar_subquery(),
            "accepted_count": of_mapping.where(mapping_column.c.status.in_(GOING)).scalar_subquery(),
            "open_count": of_mapping.where(mapping_column.c.status == SUGGESTED).scalar_subquery(),
            "revision": table.c.revision + 1,
            "updated_at": func.now(),
        }
        if feedback_version is not None:
            values["feedback_version"] = feedback_version
        unit.session.execute(update(table).where(table.c.id == mapping_id).values(**values))

    def columns(
        self, unit: UnitOfWork, mapping_id: UUID, *, after: int = -1, limit: int | None = None
    ) -> list[ColumnMapping]:
        """Columns in their order, from after a position."""
        query = (
            select(mapping_column)
            .where(mapping_column.c.mapping_id == mapping_id, mapping_column.c.position > after)
            .order_by(mapping_column.c.position)
        )
        return [_column(row) for row in unit.session.execute(query.limit(limit) if limit is not None else query)]

    def add_feedback(
        self, unit: UnitOfWork, given: DatasetMapping, words: Sequence[tuple[ColumnMapping, str, str, dict[str, Any]]]
    ) -> int:
        """Keeps what was said of columns (column, verdict, field, what else); answers the number of the last."""
        unit.hold(f"mapping feedback {given.schema_id}")
        version = self.feedback_version(unit, given.schema_id)
        for column, verdict, field, more in words:
            version += 1
            unit.session.execute(
                insert(mapping_feedback).values(
                    org_id=unit.tenant,
                    schema_id=given.schema_id,
                    version=version,
                    mapping_id=given.id,
                    column_name=column.name,
                    verdict=verdict,
                    field=field,
                    content=orjson.dumps({"summary": dict(column.summary), **more}),
                    created_by=unit.actor.user_id,
                )
            )
        return version

    def feedback_version(self, unit: UnitOfWork, schema_id: UUID) -> int:
        """The number of the last word on a schema; 0 when there is none."""
        query = select(func.coalesce(func.max(mapping_feedback.c.version), 0)).where(
            mapping_feedback.c.schema_id == schema_id
        )
        return int(unit.session.execute(query).scalar_one())

    def heeded(self, unit: UnitOfWork, schema_id: UUID, project_id: UUID | None, *, upto: int = 0) -> list[Feedback]:
        """What counts for a mapping: said in its project or in none, newest first; up to ``upto`` if that is given."""
        query = _feedback_query(schema_id).where(table.c.project_id.is_(None) | (table.c.project_id == project_id))
        if upto:
            query = query.where(mapping_feedback.c.version <= upto)
        return [_feedback(row) for row in unit.session.execute(query.limit(_MOST_FEEDBACK))]

    def feedback(
        self, unit: UnitOfWork, visibility: Visibility, schema_id: UUID, *, before: int = 0, limit: int
    ) -> list[Feedback]:
        """What was said about a schema and is seen, newest first, from before the version ``before``."""
        query = _feedback_query(schema_id).where(visibility.clause(table.c.project_id, table.c.dataset_id))
        if before:
            query = query.where(mapping_feedback.c.version < before)
        return [_feedback(row) for row in unit.session.execute(query.limit(limit))]

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that suggest for versions of a dataset now."""
        query = select(table.c.job_id).where(
            table.c.dataset_id == dataset_id, table.c.status.in_((PENDING, RUNNING)), table.c.job_id.is_not(None)
        )
        return list(unit.session.execute(query).scalars())


def _feedback_query(schema_id: UUID) -> Select[Any]:
    of_mapping = (table.c.org_id == mapping_feedback.c.org_id) & (table.c.id == mapping_feedback.c.mapping_id)
    query = select(mapping_feedback).join(table, of_mapping).where(mapping_feedback.c.schema_id == schema_id)
    return query.order_by(mapping_feedback.c.version.desc())


def _content(column: ColumnMapping) -> bytes:
    return orjson.dumps({name: getattr(column, name) for name in _CONTENT}, default=dict)


def _mapping(row: Row[Any]) -> DatasetMapping:
    return DatasetMapping(**{name: getattr(row, name) for name in DatasetMapping.__dataclass_fields__})


def _column(row: Row[Any]) -> ColumnMapping:
    found = orjson.loads(row.content)
    return ColumnMapping(
        position=row.position,
        name=row.name,
        status=row.status,
        field=row.field,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        **{name: found[name] for name in _CONTENT},
    )


def _feedback(row: Row[Any]) -> Feedback:
    return Feedback(
        version=row.version,
        mapping_id=row.mapping_id,
        column=row.column_name,
        verdict=row.verdict,
        field=row.field,
        content=orjson.loads(row.content),
        created_by=row.created_by,
        created_at=row.created_at,
    )
