"""Differences between versions in PostgreSQL."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.domain import READY
from raia_ingest.datasets.tables import dataset_version
from raia_ingest.derived.domain import PENDING, Derived
from raia_ingest.derived.repository import DerivedRepository
from raia_ingest.version_diffs.domain import Subject
from raia_ingest.version_diffs.tables import version_diff


class VersionDiffRepository(DerivedRepository):
    """Reads and writes comparisons; there is one for two versions and the same keys in the same order."""

    def __init__(self) -> None:
        super().__init__(version_diff, "content")

    def of(self, unit: UnitOfWork, subject: Subject, *, lock: bool = False) -> Derived | None:
        """The comparison of a subject, its row locked if asked."""
        query = select(version_diff).where(
            version_diff.c.dataset_id == subject.dataset_id,
            version_diff.c.version == subject.version,
            version_diff.c.base_version == subject.base_version,
            version_diff.c.key_digest == _digest(subject),
        )
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return self._derived(row) if row is not None else None

    def by_id(self, unit: UnitOfWork, diff_id: UUID, *, lock: bool = False) -> tuple[Subject, Derived] | None:
        """A comparison with its subject, its row locked if asked."""
        query = select(version_diff).where(version_diff.c.id == diff_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        if row is None:
            return None
        subject = Subject(row.dataset_id, row.version, row.base_version, tuple(orjson.loads(row.key_columns)))
        return subject, self._derived(row)

    def add(self, unit: UnitOfWork, subject: Subject) -> bool:
        """Adds a pending comparison; False when there is one already, however many ask at once."""
        made = insert(version_diff).values(
            org_id=unit.tenant,
            id=new_id(),
            dataset_id=subject.dataset_id,
            version=subject.version,
            base_version=subject.base_version,
            key_columns=_keys(subject),
            key_digest=_digest(subject),
            status=PENDING,
        )
        return unit.session.execute(made.on_conflict_do_nothing().returning(version_diff.c.id)).first() is not None

    def keep_rows(self, unit: UnitOfWork, diff_id: UUID, key: str) -> None:
        """Notes where the numbers of the differing rows lie."""
        unit.session.execute(update(version_diff).where(version_diff.c.id == diff_id).values(rows_key=key))

    def rows_key(self, unit: UnitOfWork, diff_id: UUID) -> str:
        """Where the numbers of the differing rows lie."""
        return str(unit.session.execute(select(version_diff.c.rows_key).where(version_diff.c.id == diff_id)).scalar())

    def ready_before(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> int | None:
        """The last ready version before ``version``."""
        query = (
            select(dataset_version.c.version)
            .where(
                dataset_version.c.dataset_id == dataset_id,
                dataset_version.c.version < version,
                dataset_version.c.status == READY,
            )
            .order_by(dataset_version.c.version.desc())
            .limit(1)
        )
        found: int | None = unit.session.execute(query).scalar()
        return found

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of the objects of comparisons whose versions still have their rows."""
        gone = (
            select(dataset_version.c.version)
            .where(
                dataset_version.c.org_id == version_diff.c.org_id,
                dataset_version.c.dataset_id == version_diff.c.dataset_id,
                or_(
                    dataset_version.c.version == version_diff.c.version,
                    dataset_version.c.version == version_diff.c.base_version,
                ),
                dataset_version.c.stored_key.is_(None),
            )
            .exists()
        )
        query = select(version_diff.c.rows_key).where(and_(version_diff.c.rows_key.is_not(None), ~gone))
        return unit.session.execute(query).scalars()


def _keys(subject: Subject) -> bytes:
    return orjson.dumps(list(subject.keys))


def _digest(subject: Subject) -> Any:
    return sha256(_keys(subject)).hexdigest()
