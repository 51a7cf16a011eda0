"""Fairness reports in PostgreSQL."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
from raia.explain.v1 import fairness_report_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, func, insert, select, update

from raia_explain.fairness.domain import (
    CANCELLED,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    AttributeDefinition,
    FairnessReport,
    Favourable,
    ReportRequest,
)
from raia_explain.fairness.tables import fairness_report as table

FIELDS = QueryFields(
    fairness_report_pb2.FairnessReport.DESCRIPTOR,
    {"id": table.c.id, "created_at": table.c.created_at, "status": table.c.status, "version": table.c.version},
)


class FairnessRepository:
    """Reads and writes fairness reports in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, model_id: UUID, request: ListRequest) -> tuple[list[FairnessReport], str]:
        """A page of the reports of a model and the token of the next."""
        query = select(table).where(table.c.model_id == model_id)
        found = list_page(unit.session, query, FIELDS, request, scope=str(model_id))
        return [_report(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, report_id: UUID, *, lock: bool = False) -> FairnessReport | None:
        """One report, its row locked if asked."""
        query = select(table).where(table.c.id == report_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _report(row) if row is not None else None

    def project_of(self, unit: UnitOfWork, report_id: UUID) -> tuple[UUID | None] | None:
        """The project of a report, as a tuple; None when there is no such report."""
        row = unit.session.execute(select(table.c.project_id).where(table.c.id == report_id)).first()
        return (row.project_id,) if row is not None else None

    def create(self, unit: UnitOfWork, request: ReportRequest) -> UUID:
        """Adds a pending report and answers its id."""
        report_id = new_id()
        unit.session.execute(
            insert(table).values(
                org_id=unit.tenant,
                id=report_id,
                model_id=request.model.id,
                project_id=request.model.project_id,
                version=request.model.version,
                digest=request.model.digest,
                dataset_id=request.dataset.id,
                dataset_version=request.dataset.version,
                target=request.model.target,
                definitions=orjson.dumps([asdict(each) for each in request.definitions]),
                favourable_outcome=orjson.dumps(asdict(request.favourable)),
                status=PENDING,
                created_by=unit.actor.user_id,
            )
        )
        return report_id

    def set_job(self, unit: UnitOfWork, report_id: UUID, job_id: int) -> None:
        """Notes which job computes the report."""
        unit.session.execute(update(table).where(table.c.id == report_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, report_id: UUID, progress: float) -> None:
        """Notes how far a report is; an ended one keeps what it has."""
        unit.session.execute(
            update(table)
            .where(table.c.id == report_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def begin_recording(
        self, unit: UnitOfWork, report_id: UUID, figures: Mapping[str, Any], report_digest: str
    ) -> bool:
        """Notes that the report is being recorded as evidence, and as what; False when it has ended."""
        row = unit.session.execute(
            update(table)
            .where(table.c.id == report_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, recording=True, figures=orjson.dumps(figures), report_digest=report_digest)
            .returning(table.c.id)
        ).first()
        return row is not None

    def succeed(self, unit: UnitOfWork, report_id: UUID, content: Mapping[str, Any]) -> bool:
        """Ends a recorded report with what it says; False when it has ended otherwise."""
        return self._end(unit, report_id, SUCCEEDED, progress=1.0, content=orjson.dumps(content))

    def fail(self, unit: UnitOfWork, report_id: UUID, error: str) -> bool:
        """Ends a report with an error; False when it has ended otherwise."""
        return self._end(unit, report_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, report_id: UUID) -> bool:
        """Ends a report as cancelled; False when it has ended otherwise."""
        return self._end(unit, report_id, CANCELLED)

    def _end(self, unit: UnitOfWork, report_id: UUID, status: str, **values: Any) -> bool:
        row = unit.session.execute(
            update(table)
            .where(table.c.id == report_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _report(row: Row[Any]) -> FairnessReport:
    return FairnessReport(
        id=row.id,
        model_id=row.model_id,
        project_id=row.project_id,
        version=row.version,
        digest=row.digest,
        dataset_id=row.dataset_id,
        dataset_version=row.dataset_version,
        target=row.target,
        definitions=tuple(AttributeDefinition(**each) for each in orjson.loads(row.definitions)),
        favourable=Favourable(**orjson.loads(row.favourable_outcome)),
        status=row.status,
        progress=row.progress,
        error=row.error,
        job_id=row.job_id,
        recording=row.recording,
        report_digest=row.report_digest or "",
        content=orjson.loads(row.content) if row.content is not None else None,
        figures=orjson.loads(row.figures) if row.figures is not None else None,
        created_by=row.created_by,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
