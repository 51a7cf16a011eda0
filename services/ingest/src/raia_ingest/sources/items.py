"""The items of watched sources in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from raia.ingest.v1 import source_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.domain import Dataset
from raia_ingest.sources.domain import FAILED, GONE, PENDING, TAKEN, UNCHANGED, WAITING, Entry, Item
from raia_ingest.sources.tables import source, source_item

FIELDS = QueryFields(
    source_pb2.SourceItem.DESCRIPTOR,
    {
        "id": source_item.c.id,
        "key": source_item.c.key,
        "status": source_item.c.status,
        "dataset_id": source_item.c.dataset_id,
        "created_at": source_item.c.created_at,
    },
)


class ItemRepository:
    """Reads and writes items in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, source_id: UUID, request: ListRequest) -> tuple[list[Item], str]:
        """A page of a source's items and the token of the next."""
        query = _items().where(source_item.c.source_id == source_id)
        found = list_page(unit.session, query, FIELDS, request, scope=str(source_id))
        return [_item(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, item_id: UUID, *, lock: bool = False) -> Item | None:
        """One item, its row locked if asked; None when its source is deleted."""
        query = _items().where(source_item.c.id == item_id)
        row = unit.session.execute(query.with_for_update(of=source_item) if lock else query).first()
        return _item(row) if row is not None else None

    def known(self, unit: UnitOfWork, source_id: UUID, keys: Collection[str]) -> Mapping[str, Sequence[Item]]:
        """What a source knows of files, by key."""
        found: dict[str, list[Item]] = {}
        query = _items().where(source_item.c.source_id == source_id, source_item.c.key.in_(keys))
        for row in unit.session.execute(query):
            found.setdefault(row.key, []).append(_item(row))
        return found

    def add(self, unit: UnitOfWork, source_id: UUID, entry: Entry, status: str) -> UUID | None:
        """Adds what was seen for the first time; None when it is there already, however many look at once."""
        made = insert(source_item).values(
            org_id=unit.tenant,
            id=new_id(),
            source_id=source_id,
            key=entry.key,
            status=FAILED if entry.problem else status,
            error=entry.problem,
            **_seen(entry),
        )
        row = unit.session.execute(made.on_conflict_do_nothing().returning(source_item.c.id)).first()
        return UUID(str(row.id)) if row is not None else None

    def see(self, unit: UnitOfWork, item_id: UUID, entry: Entry) -> None:
        """A file that was waited for is another by now: it is waited for anew."""
        self._update(unit, item_id, status=WAITING, seen_at=func.now(), **_seen(entry))

    def pend(self, unit: UnitOfWork, item_id: UUID, job_id: int) -> None:
        """The job is about to take it."""
        self._update(unit, item_id, status=PENDING, job_id=job_id, error="", completed_at=None)

    def begin(self, unit: UnitOfWork, item_id: UUID) -> None:
        """An attempt has begun."""
        self._update(unit, item_id, attempts=source_item.c.attempts + 1)

    def take(self, unit: UnitOfWork, item_id: UUID, sha256: str, dataset: Dataset) -> None:
        """It has become a version."""
        became = {"sha256": sha256, "dataset_id": dataset.id, "version": dataset.version.number}
        self._update(unit, item_id, status=TAKEN, completed_at=func.now(), **became)

    def same(self, unit: UnitOfWork, item_id: UUID, before: Item) -> None:
        """Its bytes are those of an item that was taken before."""
        became = {"sha256": before.sha256, "dataset_id": before.dataset_id, "version": before.version}
        self._update(unit, item_id, status=UNCHANGED, completed_at=func.now(), **became)

    def vanish(self, unit: UnitOfWork, item_id: UUID) -> None:
        """It was removed or changed before it was taken."""
        self._update(unit, item_id, status=GONE, completed_at=func.now())

    def vanish_unseen(self, unit: UnitOfWork, source_id: UUID, seen: Collection[UUID]) -> None:
        """What was waited for and is not among those that were seen is gone."""
        unit.session.execute(
            update(source_item)
            .where(
                source_item.c.source_id == source_id,
                source_item.c.status == WAITING,
                source_item.c.id.not_in(list(seen)),
            )
            .values(status=GONE, completed_at=func.now())
        )

    def fail(self, unit: UnitOfWork, item_id: UUID, job_id: int, error: str) -> bool:
        """It could not be taken; False when another job has it or it has ended."""
        row = unit.session.execute(
            update(source_item)
            .where(source_item.c.id == item_id, source_item.c.job_id == job_id, source_item.c.status == PENDING)
            .values(status=FAILED, error=error, completed_at=func.now())
            .returning(source_item.c.id)
        ).first()
        return row is not None

    def last_taken(self, unit: UnitOfWork, source_id: UUID, key: str) -> Item | None:
        """The state of a file that was taken last."""
        query = _items().where(
            source_item.c.source_id == source_id, source_item.c.key == key, source_item.c.status == TAKEN
        )
        row = unit.session.execute(query.order_by(source_item.c.completed_at.desc()).limit(1)).first()
        return _item(row) if row is not None else None

    def now(self, unit: UnitOfWork) -> datetime:
        """The database's time, by which everything seen is dated."""
        moment: datetime = unit.session.execute(select(func.now())).scalar_one()
        return moment

    def _update(self, unit: UnitOfWork, item_id: UUID, **values: Any) -> None:
        unit.session.execute(update(source_item).where(source_item.c.id == item_id).values(**values))


def _seen(entry: Entry) -> dict[str, Any]:
    return {"fingerprint": entry.fingerprint, "size": entry.size, "modified_at": entry.modified_at}


def _items() -> Select[Any]:
    joined = select(source_item, source.c.project_id).join_from(
        source_item,
        source,
        and_(source.c.org_id == source_item.c.org_id, source.c.id == source_item.c.source_id),
    )
    return joined.where(source.c.deleted_at.is_(None))


def _item(row: Row[Any]) -> Item:
    return Item(
        id=row.id,
        source_id=row.source_id,
        key=row.key,
        fingerprint=row.fingerprint,
        status=row.status,
        error=row.error,
        size=row.size,
        sha256=row.sha256,
        dataset_id=row.dataset_id,
        version=row.version or 0,
        attempts=row.attempts,
        job_id=row.job_id,
        modified_at=row.modified_at,
        seen_at=row.seen_at,
        created_at=row.created_at,
        completed_at=row.completed_at,
        project_id=row.project_id,
    )
