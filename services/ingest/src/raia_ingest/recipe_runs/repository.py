"""Runs and bindings in PostgreSQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import recipe_run_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import OrderTerm, QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page, paginate
from sqlalchemy import Row, func, insert, select, update

from raia_ingest.datasets.tables import dataset
from raia_ingest.recipe_runs.domain import (
    CANCELLED,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    Binding,
    RecipeRun,
    RunResult,
)
from raia_ingest.recipe_runs.tables import recipe_binding as bindings
from raia_ingest.recipe_runs.tables import recipe_run as runs

_UNFINISHED = runs.c.status.in_((PENDING, RUNNING))
FIELDS = QueryFields(
    recipe_run_pb2.RecipeRun.DESCRIPTOR,
    {
        "id": runs.c.id,
        "recipe_id": runs.c.recipe_id,
        "dataset_id": runs.c.dataset_id,
        "status": runs.c.status,
        "output_dataset_id": runs.c.output_dataset_id,
        "binding_id": runs.c.binding_id,
        "created_by": runs.c.created_by,
        "created_at": runs.c.created_at,
    },
)


class RecipeRunRepository:
    """Reads and writes runs in the unit of work that it is given."""

    def add(self, unit: UnitOfWork, values: dict[str, Any], joined: Iterable[tuple[UUID, int]]) -> UUID:
        """Adds a pending run and returns its id."""
        run_id = new_id()
        kept = orjson.dumps([[str(dataset_id), version] for dataset_id, version in joined])
        unit.session.execute(insert(runs).values(org_id=unit.tenant, id=run_id, status=PENDING, joined=kept, **values))
        return run_id

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[RecipeRun], str]:
        """A page of the runs that the caller may see, and the token of the next."""
        query = select(runs).where(visibility.clause(runs.c.project_id, runs.c.id))
        found = list_page(unit.session, query, FIELDS, request)
        return [_run(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, run_id: UUID, *, lock: bool = False) -> RecipeRun | None:
        """A run, its row locked if asked."""
        query = select(runs).where(runs.c.id == run_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _run(row) if row is not None else None

    def set_job(self, unit: UnitOfWork, run_id: UUID, job_id: int) -> None:
        """Notes which job does the run."""
        unit.session.execute(update(runs).where(runs.c.id == run_id).values(job_id=job_id))

    def begin(self, unit: UnitOfWork, run_id: UUID, engine: str, fitted_by: UUID | None) -> bool:
        """Notes what runs it, and whose knowledge it uses; False when it has ended."""
        return self._change(unit, run_id, status=RUNNING, engine=engine, fitted_by_run_id=fitted_by)

    def set_progress(self, unit: UnitOfWork, run_id: UUID, progress: float) -> None:
        """Notes how far a run is; an ended one keeps what it has."""
        self._change(unit, run_id, progress=func.greatest(runs.c.progress, progress))

    def succeed(self, unit: UnitOfWork, run_id: UUID, result: RunResult) -> bool:
        """Ends a run with what it made; False when it has ended otherwise."""
        return self._change(
            unit,
            run_id,
            status=SUCCEEDED,
            progress=1.0,
            completed_at=func.now(),
            ledger=orjson.dumps(dict(result.ledger)),
            fitted=orjson.dumps(list(result.fitted)),
            reasons=orjson.dumps(list(result.reasons)),
            lineage_key=result.lineage_key,
            removed_key=result.removed_key,
            output_dataset_id=result.output_dataset_id,
            output_version=result.output_version,
        )

    def fail(self, unit: UnitOfWork, run_id: UUID, error: str) -> bool:
        """Ends a run with an error; False when it has ended otherwise."""
        return self._change(unit, run_id, status=FAILED, error=error, completed_at=func.now())

    def cancel(self, unit: UnitOfWork, run_id: UUID) -> bool:
        """Ends a run as cancelled; False when it has ended otherwise."""
        return self._change(unit, run_id, status=CANCELLED, completed_at=func.now())

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all objects that runs of the organisation refer to."""
        for row in unit.session.execute(select(runs.c.lineage_key, runs.c.removed_key)):
            yield from filter(None, row)

    def _change(self, unit: UnitOfWork, run_id: UUID, **values: Any) -> bool:
        changed = update(runs).where(runs.c.id == run_id, _UNFINISHED).values(**values).returning(runs.c.id)
        return unit.session.execute(changed).first() is not None


class BindingRepository:
    """Reads and writes bindings in the unit of work that it is given."""

    def add(self, unit: UnitOfWork, values: dict[str, Any]) -> UUID:
        """Adds a binding and returns its id."""
        binding_id = new_id()
        unit.session.execute(insert(bindings).values(org_id=unit.tenant, id=binding_id, **values))
        return binding_id

    def find(self, unit: UnitOfWork, binding_id: UUID) -> Binding | None:
        """A binding that has not ended."""
        row = unit.session.execute(
            select(bindings).where(bindings.c.id == binding_id, bindings.c.deleted_at.is_(None))
        ).first()
        return _binding(row) if row is not None else None

    def page(self, unit: UnitOfWork, recipe_id: UUID, page_size: int, page_token: str) -> tuple[list[Binding], str]:
        """A page of a recipe's bindings, newest first, and the token of the next."""
        query = select(bindings).where(bindings.c.recipe_id == recipe_id, bindings.c.deleted_at.is_(None))
        order = [OrderTerm("id", bindings.c.id, descending=True)]
        found = paginate(
            unit.session, query, order, page_size=page_size, page_token=page_token, query=f"bindings of {recipe_id}"
        )
        return [_binding(row) for row in found.rows], found.next_page_token

    def of_dataset(self, unit: UnitOfWork, dataset_id: UUID) -> list[Binding]:
        """The bindings of a dataset, oldest first."""
        query = select(bindings).where(bindings.c.dataset_id == dataset_id, bindings.c.deleted_at.is_(None))
        return [_binding(row) for row in unit.session.execute(query.order_by(bindings.c.id))]

    def started(self, unit: UnitOfWork, binding_id: UUID, run_id: UUID) -> None:
        """Notes the last run."""
        unit.session.execute(update(bindings).where(bindings.c.id == binding_id).values(last_run_id=run_id))

    def learnt(self, unit: UnitOfWork, binding_id: UUID, run_id: UUID) -> None:
        """Notes the run whose knowledge later ones use."""
        unit.session.execute(update(bindings).where(bindings.c.id == binding_id).values(fitted_by_run_id=run_id))

    def end(self, unit: UnitOfWork, binding_id: UUID) -> None:
        """Ends a binding."""
        unit.session.execute(update(bindings).where(bindings.c.id == binding_id).values(deleted_at=func.now()))

    def dataset_named(self, unit: UnitOfWork, project_id: UUID | None, name: str) -> UUID | None:
        """The dataset of that name in a project, which is where a target's rows go."""
        query = select(dataset.c.id).where(
            dataset.c.name == name,
            dataset.c.project_id.is_not_distinct_from(project_id),
            dataset.c.deleted_at.is_(None),
        )
        return unit.session.execute(query).scalar()


def _run(row: Row[Any]) -> RecipeRun:
    return RecipeRun(
        id=row.id,
        recipe_id=row.recipe_id,
        recipe_version=row.recipe_version,
        dataset_id=row.dataset_id,
        dataset_version=row.dataset_version,
        project_id=row.project_id,
        target_name=row.target_name,
        wanted_engine=row.wanted_engine,
        binding_id=row.binding_id,
        fitted_by_run_id=row.fitted_by_run_id,
        joined=[(UUID(dataset_id), version) for dataset_id, version in orjson.loads(row.joined)],
        status=row.status,
        progress=row.progress,
        error=row.error,
        engine=row.engine,
        job_id=row.job_id,
        ledger=orjson.loads(row.ledger) if row.ledger is not None else None,
        fitted=orjson.loads(row.fitted) if row.fitted is not None else None,
        reasons=orjson.loads(row.reasons) if row.reasons is not None else [],
        lineage_key=row.lineage_key,
        removed_key=row.removed_key,
        output_dataset_id=row.output_dataset_id,
        output_version=row.output_version,
        created_by=row.created_by,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )


def _binding(row: Row[Any]) -> Binding:
    return Binding(
        id=row.id,
        recipe_id=row.recipe_id,
        recipe_version=row.recipe_version,
        dataset_id=row.dataset_id,
        target_name=row.target_name,
        fitting=row.fitting,
        last_run_id=row.last_run_id,
        fitted_by_run_id=row.fitted_by_run_id,
        created_by=row.created_by,
        created_at=row.created_at,
    )
