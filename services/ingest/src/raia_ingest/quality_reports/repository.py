"""Data quality reports and their issues in PostgreSQL."""

from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import quality_report_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.derived.domain import PENDING, RUNNING, Derived
from raia_ingest.derived.repository import DerivedRepository
from raia_ingest.quality_reports.domain import Issue, Report
from raia_ingest.quality_reports.tables import data_quality_issue as issue
from raia_ingest.quality_reports.tables import data_quality_report as report

REPORT_FIELDS = QueryFields(
    quality_report_pb2.DataQualityReport.DESCRIPTOR,
    {
        "id": report.c.id,
        "dataset_id": report.c.dataset_id,
        "version": report.c.version,
        "status": report.c.status,
        "quality_score": report.c.quality_score,
        "created_at": report.c.created_at,
    },
)
ISSUE_FIELDS = QueryFields(
    quality_report_pb2.DataQualityIssue.DESCRIPTOR,
    {
        "id": issue.c.id,
        "kind": issue.c.kind,
        "severity": issue.c.severity,
        "dimension": issue.c.dimension,
        "column": issue.c.column_name,
        "count": issue.c.count,
        "fraction": issue.c.fraction,
    },
)
_BATCH = 1000


class QualityReportRepository(DerivedRepository):
    """Reads and writes reports in the unit of work that it is given; a version may have several, one under way."""

    def __init__(self) -> None:
        super().__init__(report, "content")

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Report], str]:
        """A page of the reports of datasets that the caller may see, and the token of the next."""
        visible = _reports().where(visibility.clause(dataset.c.project_id, dataset.c.id))
        found = list_page(unit.session, visible, REPORT_FIELDS, request)
        return [self._derived(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, dataset_id: UUID, version: int, *, lock: bool = False) -> Report | None:
        """The newest report of a version, its row locked if asked."""
        query = select(report).where(report.c.dataset_id == dataset_id, report.c.version == version)
        query = query.order_by(report.c.created_at.desc(), report.c.id.desc()).limit(1)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return self._derived(row) if row is not None else None

    def any_of(self, unit: UnitOfWork, dataset_id: UUID) -> bool:
        """Whether a version of the dataset has a report."""
        query = select(report.c.id).where(report.c.dataset_id == dataset_id).limit(1)
        return unit.session.execute(query).first() is not None

    def by_id(self, unit: UnitOfWork, report_id: UUID) -> Report | None:
        """One report of a dataset that is not deleted."""
        row = unit.session.execute(_reports().where(report.c.id == report_id)).first()
        return self._derived(row) if row is not None else None

    def project_of(self, unit: UnitOfWork, report_id: UUID) -> tuple[UUID | None] | None:
        """The project of a report's dataset, as a tuple; None when there is no such report."""
        row = unit.session.execute(_reports().add_columns(dataset.c.project_id).where(report.c.id == report_id)).first()
        return (row.project_id,) if row is not None else None

    def create(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> bool:
        """Adds a pending report; False when one is under way already, however many ask at once."""
        made = upsert(report).values(
            org_id=unit.tenant, id=new_id(), dataset_id=dataset_id, version=version, status=PENDING
        )
        row = unit.session.execute(
            made.on_conflict_do_nothing(
                index_elements=[report.c.org_id, report.c.dataset_id, report.c.version],
                index_where=report.c.status.in_((PENDING, RUNNING)),
            ).returning(report.c.id)
        ).first()
        return row is not None

    def succeed(self, unit: UnitOfWork, derived_id: UUID, result: dict[str, Any]) -> bool:
        """Ends it with its result, and gives the version its score; False when it has ended otherwise."""
        content = {name: value for name, value in result.items() if name != "issues"}
        content["issue_count"] = len(result["issues"])
        if not super().succeed(unit, derived_id, content):
            return False
        score = result["quality_score"]
        unit.session.execute(update(report).where(report.c.id == derived_id).values(quality_score=score))
        rows = [_issue_row(unit, derived_id, place, each) for place, each in enumerate(result["issues"])]
        for start in range(0, len(rows), _BATCH):
            unit.session.execute(insert(issue), rows[start : start + _BATCH])
        self._rate(unit, derived_id, score)
        return True

    def issues(self, unit: UnitOfWork, report_id: UUID, request: ListRequest, scope: str) -> tuple[list[Issue], str]:
        """A page of a report's issues, and the token of the next."""
        query = select(issue).where(issue.c.report_id == report_id)
        # Ids grow in the order in which issues were written: the gravest first.
        found = list_page(unit.session, query, ISSUE_FIELDS, request, default_order="", scope=scope)
        return [_issue(row) for row in found.rows], found.next_page_token

    def gravest(self, unit: UnitOfWork, report_id: UUID, most: int) -> list[Issue]:
        """The first of a report's issues."""
        query = select(issue).where(issue.c.report_id == report_id).order_by(issue.c.place).limit(most)
        return [_issue(row) for row in unit.session.execute(query)]

    def _rate(self, unit: UnitOfWork, report_id: UUID, score: float) -> None:
        """The version's score is that of its newest report."""
        found = unit.session.execute(
            select(report.c.dataset_id, report.c.version).where(report.c.id == report_id)
        ).one()
        unit.session.execute(
            update(dataset_version)
            .where(dataset_version.c.dataset_id == found.dataset_id, dataset_version.c.version == found.version)
            .values(quality_score=score)
        )
        unit.session.execute(
            update(dataset)
            .where(dataset.c.id == found.dataset_id)
            .values(revision=dataset.c.revision + 1, updated_at=func.now())
        )

    def _derived(self, row: Row[Any]) -> Report:
        found: Derived = super()._derived(row)
        return Report(**vars(found), quality_score=row.quality_score)


def _reports() -> Select[Any]:
    joined = select(report).join(
        dataset, and_(dataset.c.org_id == report.c.org_id, dataset.c.id == report.c.dataset_id)
    )
    return joined.where(dataset.c.deleted_at.is_(None))


def _issue_row(unit: UnitOfWork, report_id: UUID, place: int, found: dict[str, Any]) -> dict[str, Any]:
    content = {name: found[name] for name in ("message", "recommendation", "examples")}
    return {
        "org_id": unit.tenant,
        "id": new_id(),
        "report_id": report_id,
        "place": place,
        "kind": found["kind"],
        "severity": found["severity"],
        "dimension": found["dimension"],
        "column_name": found["column"].replace("\x00", "�"),
        "count": found["count"],
        "fraction": found["fraction"],
        "content": orjson.dumps(content | {"rule_id": found.get("rule_id", ""), "column": found["column"]}),
    }


def _issue(row: Row[Any]) -> Issue:
    content = orjson.loads(row.content)
    return Issue(
        id=row.id,
        kind=row.kind,
        severity=row.severity,
        dimension=row.dimension,
        column=content["column"],
        count=row._mapping["count"],
        fraction=row.fraction,
        content=content,
    )
