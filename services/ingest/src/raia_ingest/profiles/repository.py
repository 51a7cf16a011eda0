"""Profiles in PostgreSQL."""

from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.profiles.domain import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED, Profile
from raia_ingest.profiles.tables import dataset_profile as table


class ProfileRepository:
    """Reads and writes profiles in the unit of work that it is given."""

    def find(self, unit: UnitOfWork, dataset_id: UUID, version: int, *, lock: bool = False) -> Profile | None:
        """The profile of a version, its row locked if asked."""
        query = select(table).where(table.c.dataset_id == dataset_id, table.c.version == version)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _profile(row) if row is not None else None

    def create(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> bool:
        """Adds a pending profile; False when there is one already, however many ask at once."""
        made = insert(table).values(
            org_id=unit.tenant, id=new_id(), dataset_id=dataset_id, version=version, status=PENDING
        )
        row = unit.session.execute(
            made.on_conflict_do_nothing(index_elements=[table.c.org_id, table.c.dataset_id, table.c.version]).returning(
                table.c.id
            )
        ).first()
        return row is not None

    def restart(self, unit: UnitOfWork, profile_id: UUID) -> None:
        """Makes an ended profile pending again."""
        unit.session.execute(
            update(table)
            .where(table.c.id == profile_id)
            .values(status=PENDING, progress=0, error="", completed_at=None, created_at=func.now())
        )

    def set_job(self, unit: UnitOfWork, profile_id: UUID, job_id: int) -> None:
        """Notes which job computes the profile."""
        unit.session.execute(update(table).where(table.c.id == profile_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, profile_id: UUID, progress: float) -> None:
        """Notes how far a profile is; an ended one keeps what it has."""
        unit.session.execute(
            update(table)
            .where(table.c.id == profile_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def succeed(self, unit: UnitOfWork, profile_id: UUID, statistics: dict[str, Any]) -> bool:
        """Ends a profile with its statistics; False when it has ended otherwise."""
        return self._end(unit, profile_id, SUCCEEDED, progress=1.0, statistics=orjson.dumps(statistics))

    def fail(self, unit: UnitOfWork, profile_id: UUID, error: str) -> bool:
        """Ends a profile with an error; False when it has ended otherwise."""
        return self._end(unit, profile_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, profile_id: UUID) -> bool:
        """Ends a profile as cancelled; False when it has ended otherwise."""
        return self._end(unit, profile_id, CANCELLED)

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that profile versions of a dataset now."""
        query = select(table.c.job_id).where(
            table.c.dataset_id == dataset_id, table.c.status.in_((PENDING, RUNNING)), table.c.job_id.is_not(None)
        )
        return list(unit.session.execute(query).scalars())

    def _end(self, unit: UnitOfWork, profile_id: UUID, status: str, **values: Any) -> bool:
        row = unit.session.execute(
            update(table)
            .where(table.c.id == profile_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _profile(row: Row[Any]) -> Profile:
    return Profile(
        id=row.id,
        dataset_id=row.dataset_id,
        version=row.version,
        status=row.status,
        progress=row.progress,
        error=row.error,
        job_id=row.job_id,
        created_at=row.created_at,
        completed_at=row.completed_at,
        statistics=orjson.loads(row.statistics) if row.statistics is not None else None,
    )
