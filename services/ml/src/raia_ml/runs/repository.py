"""Training runs in PostgreSQL."""

from typing import Any
from uuid import UUID

from raia.ml.v1 import training_run_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ml.models.tables import model
from raia_ml.runs.domain import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED, Order, Run
from raia_ml.runs.tables import training_run as table

FIELDS = QueryFields(
    training_run_pb2.TrainingRun.DESCRIPTOR,
    {
        "id": table.c.id,
        "status": table.c.status,
        "model_id": table.c.model_id,
        "dataset_id": table.c.dataset_id,
        "algorithm": table.c.algorithm,
        "created_at": table.c.created_at,
    },
)
_UNDER_WAY = table.c.status.in_((PENDING, RUNNING))


class RunRepository:
    """Reads and writes training runs in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Run], str]:
        """A page of the runs of models that the caller may see, and the token of the next."""
        visible = _runs().where(visibility.clause(model.c.project_id, model.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_run(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, run_id: UUID, *, lock: bool = False) -> Run | None:
        """A run, its row locked if asked."""
        query = _runs().where(table.c.id == run_id)
        row = unit.session.execute(query.with_for_update(of=table) if lock else query).first()
        return _run(row) if row is not None else None

    def create(self, unit: UnitOfWork, model_id: UUID, order: Order, created_by: UUID | None) -> UUID:
        """Adds a pending run and returns its id."""
        run_id = new_id()
        unit.session.execute(
            insert(table).values(
                org_id=unit.tenant, id=run_id, model_id=model_id, status=PENDING, created_by=created_by, **vars(order)
            )
        )
        return run_id

    def set_job(self, unit: UnitOfWork, run_id: UUID, job_id: int) -> None:
        """Notes which job does it."""
        unit.session.execute(update(table).where(table.c.id == run_id).values(job_id=job_id))

    def begin(self, unit: UnitOfWork, run_id: UUID) -> bool:
        """Makes a pending run running; False when it is not pending."""
        return self._change(unit, run_id, table.c.status == PENDING, status=RUNNING, message="starting")

    def set_progress(self, unit: UnitOfWork, run_id: UUID, progress: float, message: str) -> None:
        """Notes how far a run is; an ended one keeps what it has."""
        further = func.greatest(table.c.progress, progress)
        self._change(unit, run_id, _UNDER_WAY, progress=further, message=message)

    def succeed(
        self, unit: UnitOfWork, run_id: UUID, version: int, parameters: dict[str, Any], warnings: list[str]
    ) -> bool:
        """Ends a run with the version it made; False when it has ended otherwise."""
        return self._end(
            unit, run_id, SUCCEEDED, version=version, parameters=parameters, warnings=warnings, progress=1.0
        )

    def fail(self, unit: UnitOfWork, run_id: UUID, error: str) -> bool:
        """Ends a run with an error; False when it has ended otherwise."""
        return self._end(unit, run_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, run_id: UUID) -> bool:
        """Ends a run as cancelled; False when it has ended otherwise."""
        return self._end(unit, run_id, CANCELLED)

    def _end(self, unit: UnitOfWork, run_id: UUID, status: str, **values: Any) -> bool:
        return self._change(unit, run_id, _UNDER_WAY, status=status, message="", completed_at=func.now(), **values)

    @staticmethod
    def _change(unit: UnitOfWork, run_id: UUID, condition: Any, **values: Any) -> bool:
        row = unit.session.execute(
            update(table).where(table.c.id == run_id, condition).values(**values).returning(table.c.id)
        ).first()
        return row is not None


def _runs() -> Select[Any]:
    joined = and_(model.c.org_id == table.c.org_id, model.c.id == table.c.model_id)
    query = select(table, model.c.name.label("model_name"), model.c.project_id).join_from(table, model, joined)
    return query.where(model.c.deleted_at.is_(None))


def _run(row: Row[Any]) -> Run:
    return Run(**{name: row._mapping[name] for name in Run.__dataclass_fields__})
