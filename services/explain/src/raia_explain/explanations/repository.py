"""Explanations in PostgreSQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_explain.explanations.domain import FAILED, PENDING, RUNNING, SUCCEEDED, Explanation, Subject
from raia_explain.explanations.tables import explanation as table


class ExplanationRepository:
    """Reads and writes explanations in the unit of work that it is given."""

    def of_subject(self, unit: UnitOfWork, subject: Subject, *, lock: bool = False) -> Explanation | None:
        """The explanation of a subject, its row locked if asked."""
        query = select(table).where(table.c.parameter_digest == subject.parameter_digest)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _explanation(row) if row is not None else None

    def find(self, unit: UnitOfWork, explanation_id: UUID, *, lock: bool = False) -> Explanation | None:
        """One explanation, its row locked if asked."""
        query = select(table).where(table.c.id == explanation_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _explanation(row) if row is not None else None

    def create(self, unit: UnitOfWork, subject: Subject, project_id: UUID | None) -> bool:
        """Adds a pending explanation; False when there is one already, however many ask at once."""
        made = insert(table).values(
            org_id=unit.tenant,
            id=new_id(),
            parameter_digest=subject.parameter_digest,
            kind=subject.kind,
            method=subject.method,
            model_id=subject.model_id,
            project_id=project_id,
            version=subject.version,
            digest=subject.digest,
            dataset_id=subject.dataset_id,
            dataset_version=subject.dataset_version,
            scope=subject.scope,
            chosen_rows=list(subject.rows),
            explained_class=subject.explained_class,
            target=subject.target,
            status=PENDING,
            created_by=unit.actor.user_id,
        )
        once = made.on_conflict_do_nothing(index_elements=[table.c.org_id, table.c.parameter_digest])
        return unit.session.execute(once.returning(table.c.id)).first() is not None

    def restart(self, unit: UnitOfWork, explanation_id: UUID) -> None:
        """Makes a failed explanation pending again."""
        unit.session.execute(
            update(table)
            .where(table.c.id == explanation_id, table.c.status == FAILED)
            .values(status=PENDING, progress=0, error="", completed_at=None, created_by=unit.actor.user_id)
        )

    def set_job(self, unit: UnitOfWork, explanation_id: UUID, job_id: int) -> None:
        """Notes which job computes the explanation."""
        unit.session.execute(update(table).where(table.c.id == explanation_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, explanation_id: UUID, progress: float) -> None:
        """Notes how far an explanation is; an ended one keeps what it has."""
        unit.session.execute(
            update(table)
            .where(table.c.id == explanation_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def succeed(
        self,
        unit: UnitOfWork,
        explanation_id: UUID,
        *,
        result: bytes | None,
        result_key: str | None,
        duration_ms: float,
    ) -> bool:
        """Ends an explanation with its result; False when it has ended otherwise."""
        values = {"result": result, "result_key": result_key, "duration_ms": duration_ms}
        return self._end(unit, explanation_id, SUCCEEDED, progress=1.0, **values)

    def fail(self, unit: UnitOfWork, explanation_id: UUID, error: str) -> bool:
        """Ends an explanation with an error; False when it has ended otherwise."""
        return self._end(unit, explanation_id, FAILED, error=error)

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all stored results of the unit's organisation."""
        return unit.session.execute(select(table.c.result_key).where(table.c.result_key.is_not(None))).scalars()

    def _end(self, unit: UnitOfWork, explanation_id: UUID, status: str, **values: Any) -> bool:
        row = unit.session.execute(
            update(table)
            .where(table.c.id == explanation_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _explanation(row: Row[Any]) -> Explanation:
    return Explanation(
        id=row.id,
        subject=Subject(
            kind=row.kind,
            method=row.method,
            model_id=row.model_id,
            version=row.version,
            digest=row.digest,
            dataset_id=row.dataset_id,
            dataset_version=row.dataset_version,
            scope=row.scope,
            rows=tuple(row.chosen_rows),
            explained_class=row.explained_class,
            target=row.target,
        ),
        project_id=row.project_id,
        status=row.status,
        progress=row.progress,
        error=row.error,
        job_id=row.job_id,
        created_at=row.created_at,
        completed_at=row.completed_at,
        duration_ms=row.duration_ms,
        result=orjson.loads(row.result) if row.result is not None else None,
        result_key=row.result_key,
    )
