"""Runs and rejected records in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import mapping_run_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page, paginate, query_of
from sqlalchemy import Row, Select, func, insert, select, update

from raia_ingest.datasets.tables import dataset
from raia_ingest.mapping.domain import DatasetMapping
from raia_ingest.mapping_runs.domain import (
    CORRECTED,
    OPEN,
    PENDING,
    RUNNING,
    STORED,
    SUCCEEDED,
    MappingRun,
    ReviewItem,
)
from raia_ingest.mapping_runs.tables import mapping_entity, mapping_review_item
from raia_ingest.mapping_runs.tables import mapping_run as table

_FIELDS = QueryFields(
    mapping_run_pb2.MappingRun.DESCRIPTOR,
    {
        name: table.c[name]
        for name in ("id", "mapping_id", "dataset_id", "schema_id", "project_id", "status", "created_at")
    },
)
_ITEM_FIELDS = QueryFields(
    mapping_run_pb2.ReviewItem.DESCRIPTOR,
    {name: mapping_review_item.c[name] for name in ("id", "record", "reason", "field", "status")},
)
_BATCH = 1_000


class MappingRunRepository:
    """Reads and writes runs in the unit of work that it is given."""

    def add(self, unit: UnitOfWork, mapping: DatasetMapping, retry_of: UUID | None = None) -> UUID:
        """Adds a pending run."""
        run_id = new_id()
        unit.session.execute(
            insert(table).values(
                org_id=unit.tenant,
                id=run_id,
                mapping_id=mapping.id,
                dataset_id=mapping.dataset_id,
                dataset_version=mapping.dataset_version,
                schema_id=mapping.schema_id,
                project_id=mapping.project_id,
                retry_of=retry_of,
                mapping_revision=mapping.revision,
                status=PENDING,
                created_by=unit.actor.user_id,
            )
        )
        return run_id

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[MappingRun], str]:
        """A page of the runs over datasets that the caller may see, and the token of the next."""
        kept = select(dataset.c.id).where(dataset.c.deleted_at.is_(None))
        seen = visibility.clause(table.c.project_id, table.c.dataset_id)
        visible = _runs().where(seen, table.c.dataset_id.in_(kept))
        found = list_page(unit.session, visible, _FIELDS, request)
        return [_run(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, run_id: UUID, *, lock: bool = False) -> MappingRun | None:
        """A run, its row locked if asked."""
        if lock:
            unit.session.execute(select(table.c.id).where(table.c.id == run_id).with_for_update())
        row = unit.session.execute(_runs().where(table.c.id == run_id)).first()
        return _run(row) if row is not None else None

    def set_job(self, unit: UnitOfWork, run_id: UUID, job_id: int) -> None:
        """Notes which job runs it."""
        unit.session.execute(update(table).where(table.c.id == run_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, run_id: UUID, progress: float) -> None:
        """Notes how far it is."""
        unit.session.execute(
            update(table)
            .where(table.c.id == run_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def end(
        self, unit: UnitOfWork, run_id: UUID, status: str, *, error: str = "", result: Mapping[str, Any] | None = None
    ) -> bool:
        """Ends a run; False when it has ended otherwise."""
        values: dict[str, Any] = {"status": status, "error": error, "completed_at": func.now()}
        if status == SUCCEEDED and result is not None:
            values |= {"progress": 1.0, "result": orjson.dumps(result), "anomaly_count": result["anomaly_count"]}
        row = unit.session.execute(
            update(table)
            .where(table.c.id == run_id, table.c.status.in_((PENDING, RUNNING)))
            .values(**values)
            .returning(table.c.id)
        ).first()
        return row is not None

    def put_items(self, unit: UnitOfWork, run_id: UUID, found: Iterable[Mapping[str, Any]]) -> None:
        """Adds rejected records, a thousand at a time."""
        batch: list[dict[str, Any]] = []
        for each in found:
            batch.append(
                {
                    "org_id": unit.tenant,
                    "id": new_id(),
                    "run_id": run_id,
                    "record": each["record"],
                    "reason": each["reason"],
                    "field": each["field"],
                    "content": orjson.dumps({name: each[name] for name in ("column", "value", "row")}),
                    "status": OPEN,
                }
            )
            if len(batch) == _BATCH:
                unit.session.execute(insert(mapping_review_item), batch)
                batch = []
        if batch:
            unit.session.execute(insert(mapping_review_item), batch)

    def items(self, unit: UnitOfWork, run_id: UUID, request: Any, order_by: str = "") -> tuple[list[ReviewItem], str]:
        """A page of a run's rejected records in their order, and the token of the next."""
        item = mapping_review_item
        query = select(item).where(item.c.run_id == run_id).where(_ITEM_FIELDS.where(request.filter))
        scope = query_of(_Listing(request.filter, order_by), f"review items {run_id}")
        order = _ITEM_FIELDS.order("", "record")
        found = paginate(
            unit.session, query, order, page_size=request.page_size, page_token=request.page_token, query=scope
        )
        return [_item(row) for row in found.rows], found.next_page_token

    def item(self, unit: UnitOfWork, run_id: UUID, item_id: UUID) -> ReviewItem | None:
        """One rejected record, its row locked."""
        item = mapping_review_item
        query = select(item).where(item.c.run_id == run_id, item.c.id == item_id).with_for_update()
        row = unit.session.execute(query).first()
        return _item(row) if row is not None else None

    def resolve(self, unit: UnitOfWork, item: ReviewItem, status: str, row: Mapping[str, Any]) -> None:
        """Writes what a person did with a rejected record."""
        content = orjson.dumps({"column": item.column, "value": item.value, "row": dict(row)})
        unit.session.execute(
            update(mapping_review_item)
            .where(mapping_review_item.c.id == item.id)
            .values(status=status, content=content, resolved_by=unit.actor.user_id, resolved_at=func.now())
        )

    def to_retry(self, unit: UnitOfWork, run_id: UUID, statuses: Sequence[str]) -> list[ReviewItem]:
        """The records of a run in these states, at most 100,000 in their order."""
        item = mapping_review_item
        query = select(item).where(item.c.run_id == run_id, item.c.status.in_(statuses)).order_by(item.c.record)
        return [_item(row) for row in unit.session.execute(query.limit(100_000))]

    def mark_stored(self, unit: UnitOfWork, items: Sequence[UUID]) -> None:
        """Closes the records that a retry has dealt with."""
        for start in range(0, len(items), _BATCH):
            unit.session.execute(
                update(mapping_review_item)
                .where(
                    mapping_review_item.c.id.in_(items[start : start + _BATCH]),
                    mapping_review_item.c.status.in_((OPEN, CORRECTED)),
                )
                .values(status=STORED)
            )

    def entities(self, unit: UnitOfWork, schema_id: UUID, project_id: UUID | None) -> dict[str, UUID]:
        """The datasets that hold the entities of a schema in a project."""
        query = select(mapping_entity.c.entity, mapping_entity.c.dataset_id).where(
            mapping_entity.c.schema_id == schema_id, mapping_entity.c.project_id.is_not_distinct_from(project_id)
        )
        return {row.entity: row.dataset_id for row in unit.session.execute(query)}

    def put_entity(
        self, unit: UnitOfWork, schema_id: UUID, project_id: UUID | None, entity: str, dataset_id: UUID
    ) -> None:
        """Notes which dataset holds an entity."""
        known = self.entities(unit, schema_id, project_id)
        if entity not in known:
            unit.session.execute(
                insert(mapping_entity).values(
                    org_id=unit.tenant, schema_id=schema_id, project_id=project_id, entity=entity, dataset_id=dataset_id
                )
            )
        elif known[entity] != dataset_id:
            unit.session.execute(
                update(mapping_entity)
                .where(
                    mapping_entity.c.schema_id == schema_id,
                    mapping_entity.c.project_id.is_not_distinct_from(project_id),
                    mapping_entity.c.entity == entity,
                )
                .values(dataset_id=dataset_id)
            )


class _Listing:
    """What a page token of rejected records is bound to."""

    def __init__(self, filter_text: str, order_by: str) -> None:
        self.page_size, self.page_token, self.filter, self.order_by = 0, "", filter_text, order_by


def _runs() -> Select[Any]:
    item = mapping_review_item
    waiting = (
        select(func.count())
        .where(item.c.org_id == table.c.org_id, item.c.run_id == table.c.id, item.c.status.in_((OPEN, CORRECTED)))
        .scalar_subquery()
    )
    return select(table, waiting.label("open_count"))


def _run(row: Row[Any]) -> MappingRun:
    found = {name: getattr(row, name) for name in MappingRun.__dataclass_fields__}
    found["result"] = orjson.loads(found["result"]) if found["result"] is not None else None
    return MappingRun(**found)


def _item(row: Row[Any]) -> ReviewItem:
    content = orjson.loads(row.content)
    return ReviewItem(
        id=row.id,
        run_id=row.run_id,
        record=row.record,
        reason=row.reason,
        field=row.field,
        column=content["column"],
        value=content["value"],
        row=content["row"],
        status=row.status,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
    )
