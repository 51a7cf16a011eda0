"""Routing and processing results in PostgreSQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import processing_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.datasets.tables import dataset
from raia_ingest.processing.domain import (
    CANCELLED,
    CLASSIFIER,
    FAILED,
    PENDING,
    PERSON,
    RUNNING,
    SUCCEEDED,
    ProcessingResult,
    Routing,
)
from raia_ingest.processing.tables import dataset_routing, processing_result

_OPEN = (PENDING, RUNNING)
FIELDS = QueryFields(
    processing_pb2.ProcessingResult.DESCRIPTOR,
    {
        "id": processing_result.c.id,
        "dataset_id": processing_result.c.dataset_id,
        "version": processing_result.c.version,
        "processor": processing_result.c.processor,
        "category": processing_result.c.category,
        "status": processing_result.c.status,
        "created_at": processing_result.c.created_at,
    },
)


class RoutingRepository:
    """Reads and writes routing decisions in the unit of work that it is given."""

    def find(self, unit: UnitOfWork, dataset_id: UUID, version: int, *, lock: bool = False) -> Routing | None:
        """The decision on a version; None when it was never to be routed."""
        table = dataset_routing
        query = select(table).where(table.c.dataset_id == dataset_id, table.c.version == version)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _routing(row) if row is not None else None

    def correction(self, unit: UnitOfWork, dataset_id: UUID) -> str | None:
        """The category that a person last gave the dataset."""
        table = dataset_routing
        query = select(table.c.category).where(table.c.dataset_id == dataset_id, table.c.decided_by == PERSON)
        return unit.session.execute(query.order_by(table.c.version.desc()).limit(1)).scalar()

    def begin(self, unit: UnitOfWork, dataset_id: UUID, version: int, job_id: int) -> None:
        """Notes that the job is to route the version."""
        values = {"status": PENDING, "job_id": job_id, "error": ""}
        made = insert(dataset_routing).values(org_id=unit.tenant, dataset_id=dataset_id, version=version, **values)
        unit.session.execute(
            made.on_conflict_do_update(index_elements=["org_id", "dataset_id", "version"], set_=values)
        )

    def decide(self, unit: UnitOfWork, dataset_id: UUID, version: int, found: Mapping[str, Any], by: str) -> bool:
        """Writes a decision; False when the classifier comes after a person, whose word stands."""
        values = {
            "status": SUCCEEDED,
            "category": found["category"],
            "confidence": found["confidence"],
            "detail": orjson.dumps({"scores": found["scores"], "evidence": found["evidence"]}),
            "decided_by": by,
            "error": "",
            "decided_at": func.now(),
        }
        made = insert(dataset_routing).values(org_id=unit.tenant, dataset_id=dataset_id, version=version, **values)
        written = made.on_conflict_do_update(
            index_elements=["org_id", "dataset_id", "version"],
            set_=values,
            where=None if by == PERSON else dataset_routing.c.decided_by == CLASSIFIER,
        ).returning(dataset_routing.c.version)
        return unit.session.execute(written).first() is not None

    def fail(self, unit: UnitOfWork, dataset_id: UUID, version: int, error: str) -> None:
        """Ends routing that is pending with an error."""
        table = dataset_routing
        unit.session.execute(
            update(table)
            .where(table.c.dataset_id == dataset_id, table.c.version == version, table.c.status == PENDING)
            .values(status=FAILED, error=error, decided_at=func.now())
        )


class ProcessingRepository:
    """Reads and writes processing results in the unit of work that it is given."""

    def page(
        self, unit: UnitOfWork, visibility: Visibility, request: ListRequest
    ) -> tuple[list[ProcessingResult], str]:
        """A page of the results whose datasets the caller may see, and the token of the next."""
        visible = _results().where(visibility.clause(dataset.c.project_id, dataset.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_result(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, result_id: UUID, *, lock: bool = False) -> ProcessingResult | None:
        """One result, its row locked if asked; None when its dataset is deleted."""
        query = _results().where(processing_result.c.id == result_id)
        row = unit.session.execute(query.with_for_update(of=processing_result) if lock else query).first()
        return _result(row) if row is not None else None

    def begin(
        self,
        unit: UnitOfWork,
        dataset_id: UUID,
        version: int,
        *,
        processor: str,
        category: str,
        options: Mapping[str, Any],
    ) -> UUID:
        """Makes a result pending: a new one, or the one that there is of this version and processor."""
        values = {"status": PENDING, "progress": 0, "error": "", "content": None, "completed_at": None}
        made = insert(processing_result).values(
            org_id=unit.tenant,
            id=new_id(),
            dataset_id=dataset_id,
            version=version,
            processor=processor,
            category=category,
            options=dict(options),
            **values,
        )
        row = unit.session.execute(
            made.on_conflict_do_update(
                index_elements=["org_id", "dataset_id", "version", "processor"],
                set_={**values, "category": category, "options": dict(options), "created_at": func.now()},
            ).returning(processing_result.c.id)
        ).one()
        return UUID(str(row.id))

    def set_job(self, unit: UnitOfWork, result_id: UUID, job_id: int) -> None:
        """Notes which job works on it."""
        unit.session.execute(update(processing_result).where(processing_result.c.id == result_id).values(job_id=job_id))

    def run(self, unit: UnitOfWork, result_id: UUID) -> None:
        """Notes that an attempt has begun."""
        table = processing_result
        unit.session.execute(
            update(table)
            .where(table.c.id == result_id, table.c.status.in_(_OPEN))
            .values(status=RUNNING, attempts=table.c.attempts + 1)
        )

    def set_progress(self, unit: UnitOfWork, result_id: UUID, job_id: int, progress: float) -> None:
        """Notes how far the job is."""
        table = processing_result
        unit.session.execute(
            update(table)
            .where(table.c.id == result_id, table.c.job_id == job_id, table.c.status == RUNNING)
            .values(progress=func.greatest(table.c.progress, progress))
        )

    def succeed(self, unit: UnitOfWork, result_id: UUID, job_id: int, content: Mapping[str, Any]) -> bool:
        """Ends it with what was computed; False when another job has it or it has ended."""
        return self._end(unit, result_id, job_id, SUCCEEDED, progress=1.0, content=orjson.dumps(dict(content)))

    def fail(self, unit: UnitOfWork, result_id: UUID, job_id: int, error: str) -> bool:
        """Ends it with an error; False when another job has it or it has ended."""
        return self._end(unit, result_id, job_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, result_id: UUID, job_id: int | None) -> bool:
        """Ends it as cancelled; False when another job has it or it has ended."""
        return self._end(unit, result_id, job_id, CANCELLED)

    def _end(self, unit: UnitOfWork, result_id: UUID, job_id: int | None, status: str, **values: Any) -> bool:
        table = processing_result
        mine = table.c.job_id == job_id if job_id is not None else table.c.job_id.is_(None)
        row = unit.session.execute(
            update(table)
            .where(table.c.id == result_id, mine, table.c.status.in_(_OPEN))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _results() -> Select[Any]:
    joined = and_(dataset.c.org_id == processing_result.c.org_id, dataset.c.id == processing_result.c.dataset_id)
    return (
        select(*processing_result.c, dataset.c.project_id)
        .join_from(processing_result, dataset, joined)
        .where(dataset.c.deleted_at.is_(None))
    )


def _routing(row: Row[Any]) -> Routing:
    detail = orjson.loads(row.detail) if row.detail is not None else {}
    return Routing(
        dataset_id=row.dataset_id,
        version=row.version,
        status=row.status,
        category=row.category,
        confidence=row.confidence,
        scores=detail.get("scores", {}),
        evidence=detail.get("evidence", ()),
        decided_by=row.decided_by,
        error=row.error,
        decided_at=row.decided_at,
        job_id=row.job_id,
    )


def _result(row: Row[Any]) -> ProcessingResult:
    content = orjson.loads(row.content) if row.content is not None else {}
    return ProcessingResult(
        id=row.id,
        dataset_id=row.dataset_id,
        version=row.version,
        processor=row.processor,
        category=row.category,
        status=row.status,
        progress=row.progress,
        error=row.error,
        headline=content.get("headline", ""),
        results=content.get("results"),
        notes=content.get("notes", ()),
        options=row.options,
        attempts=row.attempts,
        job_id=row.job_id,
        project_id=row.project_id,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
