"""Validations and the gates of versions in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import quality_validation_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, insert, select, update

from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.quality_validations.domain import (
    CANCELLED,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    Ran,
    Validation,
)
from raia_ingest.quality_validations.tables import dataset_validation as table

FIELDS = QueryFields(
    quality_validation_pb2.DatasetValidation.DESCRIPTOR,
    {
        "id": table.c.id,
        "dataset_id": table.c.dataset_id,
        "version": table.c.version,
        "status": table.c.status,
        "trigger": table.c.trigger,
        "passed": table.c.passed,
        "failing_row_count": table.c.failing_row_count,
        "created_at": table.c.created_at,
    },
)


@dataclass(frozen=True)
class Outcome:
    """What running the rules gave."""

    results: Sequence[Mapping[str, Any]]
    passed: bool
    row_count: int
    failing_row_count: int
    failing_key: str | None


@dataclass(frozen=True)
class Gate:
    """The gate of a version as it stands."""

    state: str
    reason: str
    by: UUID | None
    """Who set it by hand."""


class QualityValidationRepository:
    """Reads and writes validations in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, dataset_id: UUID, request: ListRequest) -> tuple[list[Validation], str]:
        """A page of a dataset's validations, and the token of the next."""
        query = _validations().where(table.c.dataset_id == dataset_id)
        found = list_page(unit.session, query, FIELDS, request, scope=str(dataset_id))
        return [_validation(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, validation_id: UUID, *, lock: bool = False) -> Validation | None:
        """One validation of a dataset that is not deleted, its row locked if asked."""
        query = _validations().where(table.c.id == validation_id)
        row = unit.session.execute(query.with_for_update(of=table) if lock else query).first()
        return _validation(row) if row is not None else None

    def of_job(self, unit: UnitOfWork, validation_id: UUID) -> Validation | None:
        """One validation, of a deleted dataset too: its job has to come to an end."""
        row = unit.session.execute(select(table).where(table.c.id == validation_id)).first()
        return _validation(row) if row is not None else None

    def project_of(self, unit: UnitOfWork, validation_id: UUID) -> tuple[UUID | None] | None:
        """The project of a validation's dataset, as a tuple; None when there is no such validation."""
        query = _validations().add_columns(dataset.c.project_id).where(table.c.id == validation_id)
        row = unit.session.execute(query).first()
        return (row.project_id,) if row is not None else None

    def add(
        self,
        unit: UnitOfWork,
        dataset_id: UUID,
        version: int,
        *,
        rules: Sequence[Ran],
        trigger: str,
        user_id: UUID | None,
    ) -> UUID:
        """Adds a pending validation."""
        made = new_id()
        written = [{"rule_id": str(rule.rule_id or ""), "rule": dict(rule.document)} for rule in rules]
        unit.session.execute(
            insert(table).values(
                org_id=unit.tenant,
                id=made,
                dataset_id=dataset_id,
                version=version,
                status=PENDING,
                trigger=trigger,
                rules=written,
                created_by=user_id,
            )
        )
        return made

    def set_job(self, unit: UnitOfWork, validation_id: UUID, job_id: int) -> None:
        """Notes which job runs it."""
        unit.session.execute(update(table).where(table.c.id == validation_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, validation_id: UUID, progress: float) -> None:
        """Notes how far it is; what has ended keeps what it has."""
        unit.session.execute(
            update(table)
            .where(table.c.id == validation_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def succeed(self, unit: UnitOfWork, validation_id: UUID, outcome: Outcome, gate: str) -> bool:
        """Ends it with its results; False when it has ended otherwise."""
        return self._end(
            unit,
            validation_id,
            SUCCEEDED,
            progress=1.0,
            results=orjson.dumps(list(outcome.results)),
            passed=outcome.passed,
            row_count=outcome.row_count,
            failing_row_count=outcome.failing_row_count,
            failing_key=outcome.failing_key,
            quality_gate=gate,
        )

    def fail(self, unit: UnitOfWork, validation_id: UUID, error: str, gate: str) -> bool:
        """Ends it with an error; False when it has ended otherwise."""
        return self._end(unit, validation_id, FAILED, error=error, quality_gate=gate)

    def cancel(self, unit: UnitOfWork, validation_id: UUID, gate: str) -> bool:
        """Ends it as cancelled; False when it has ended otherwise."""
        return self._end(unit, validation_id, CANCELLED, quality_gate=gate)

    def jobs_under_way(self, unit: UnitOfWork, dataset_id: UUID) -> list[int]:
        """The jobs that validate versions of a dataset now."""
        query = select(table.c.job_id).where(
            table.c.dataset_id == dataset_id, table.c.status.in_((PENDING, RUNNING)), table.c.job_id.is_not(None)
        )
        return list(unit.session.execute(query).scalars())

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of the objects that hold failing rows."""
        query = select(table.c.failing_key).where(table.c.failing_key.is_not(None))
        yield from unit.session.execute(query).scalars()

    def gate(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Gate:
        """The gate of a version."""
        query = select(
            dataset_version.c.quality_gate, dataset_version.c.quality_gate_reason, dataset_version.c.quality_gate_by
        ).where(dataset_version.c.dataset_id == dataset_id, dataset_version.c.version == version)
        return Gate(*unit.session.execute(query).one())

    def set_gate(
        self, unit: UnitOfWork, dataset_id: UUID, version: int, *, state: str, reason: str, by: UUID | None = None
    ) -> None:
        """Sets the gate of a version; the dataset's row must be locked."""
        unit.session.execute(
            update(dataset_version)
            .where(dataset_version.c.dataset_id == dataset_id, dataset_version.c.version == version)
            .values(quality_gate=state, quality_gate_reason=reason, quality_gate_by=by)
        )
        unit.session.execute(
            update(dataset)
            .where(dataset.c.id == dataset_id)
            .values(revision=dataset.c.revision + 1, updated_at=func.now())
        )

    def _end(self, unit: UnitOfWork, validation_id: UUID, status: str, **values: Any) -> bool:
        row = unit.session.execute(
            update(table)
            .where(table.c.id == validation_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _validations() -> Select[Any]:
    joined = select(table).join(dataset, and_(dataset.c.org_id == table.c.org_id, dataset.c.id == table.c.dataset_id))
    return joined.where(dataset.c.deleted_at.is_(None))


def _validation(row: Row[Any]) -> Validation:
    return Validation(
        id=row.id,
        dataset_id=row.dataset_id,
        version=row.version,
        status=row.status,
        progress=row.progress,
        error=row.error,
        job_id=row.job_id,
        trigger=row.trigger,
        rules=[Ran(UUID(each["rule_id"]) if each["rule_id"] else None, each["rule"]) for each in row.rules],
        results=orjson.loads(row.results) if row.results is not None else [],
        passed=row.passed,
        row_count=row.row_count,
        failing_row_count=row.failing_row_count,
        failing_key=row.failing_key,
        quality_gate=row.quality_gate,
        created_by=row.created_by,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
