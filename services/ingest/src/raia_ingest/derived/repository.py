"""What is derived from versions, in PostgreSQL: one table a kind, all of the same shape."""

from typing import Any, Protocol
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import Row, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.derived.domain import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED, Derived


class WorkRepository(Protocol):
    """Knows work on versions of datasets."""

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that work on versions of a dataset now."""
        ...


class DerivedJobs:
    """The jobs of several kinds."""

    def __init__(self, *repositories: WorkRepository) -> None:
        self._repositories = repositories

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs of any kind that work on versions of a dataset now."""
        return [job for each in self._repositories for job in each.jobs_under_way(unit, dataset_id)]


class DerivedRepository:
    """Reads and writes one kind in the unit of work that it is given."""

    def __init__(self, table: Table, result_column: str) -> None:
        self._table, self._result = table, result_column

    def find(self, unit: UnitOfWork, dataset_id: UUID, version: int, *, lock: bool = False) -> Derived | None:
        """What is derived from a version, its row locked if asked."""
        table = self._table
        query = select(table).where(table.c.dataset_id == dataset_id, table.c.version == version)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return self._derived(row) if row is not None else None

    def create(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> bool:
        """Adds a pending row; False when there is one already, however many ask at once."""
        table = self._table
        made = insert(table).values(
            org_id=unit.tenant, id=new_id(), dataset_id=dataset_id, version=version, status=PENDING
        )
        row = unit.session.execute(
            made.on_conflict_do_nothing(index_elements=[table.c.org_id, table.c.dataset_id, table.c.version]).returning(
                table.c.id
            )
        ).first()
        return row is not None

    def restart(self, unit: UnitOfWork, derived_id: UUID) -> None:
        """Makes what has ended pending again."""
        unit.session.execute(
            update(self._table)
            .where(self._table.c.id == derived_id)
            .values(status=PENDING, progress=0, error="", completed_at=None, created_at=func.now())
        )

    def set_job(self, unit: UnitOfWork, derived_id: UUID, job_id: int) -> None:
        """Notes which job computes it."""
        unit.session.execute(update(self._table).where(self._table.c.id == derived_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, derived_id: UUID, progress: float) -> None:
        """Notes how far it is; what has ended keeps what it has."""
        table = self._table
        unit.session.execute(
            update(table)
            .where(table.c.id == derived_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def succeed(self, unit: UnitOfWork, derived_id: UUID, result: dict[str, Any]) -> bool:
        """Ends it with its result; False when it has ended otherwise."""
        return self._end(unit, derived_id, SUCCEEDED, progress=1.0, **{self._result: orjson.dumps(result)})

    def fail(self, unit: UnitOfWork, derived_id: UUID, error: str) -> bool:
        """Ends it with an error; False when it has ended otherwise."""
        return self._end(unit, derived_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, derived_id: UUID) -> bool:
        """Ends it as cancelled; False when it has ended otherwise."""
        return self._end(unit, derived_id, CANCELLED)

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that work on versions of a dataset now."""
        table = self._table
        query = select(table.c.job_id).where(
            table.c.dataset_id == dataset_id, table.c.status.in_((PENDING, RUNNING)), table.c.job_id.is_not(None)
        )
        return list(unit.session.execute(query).scalars())

    def _end(self, unit: UnitOfWork, derived_id: UUID, status: str, **values: Any) -> bool:
        table = self._table
        row = unit.session.execute(
            update(table)
            .where(table.c.id == derived_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None

    def _derived(self, row: Row[Any]) -> Derived:
        result = getattr(row, self._result)
        return Derived(
            id=row.id,
            dataset_id=row.dataset_id,
            version=row.version,
            status=row.status,
            progress=row.progress,
            error=row.error,
            job_id=row.job_id,
            created_at=row.created_at,
            completed_at=row.completed_at,
            result=orjson.loads(result) if result is not None else None,
        )
