"""Reports in PostgreSQL, and the versions that they look at beside their own."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from sqlalchemy import and_, select

from raia_ingest.datasets.domain import READY
from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.derived.repository import DerivedRepository
from raia_ingest.reports.domain import Neighbour, Predecessor, columns_in
from raia_ingest.reports.tables import dataset_report

_COLUMNS = (
    dataset_version.c.dataset_id,
    dataset_version.c.version,
    dataset_version.c.schema_info,
    dataset_version.c.row_count,
    dataset_version.c.stored_key,
    dataset_version.c.stored_bytes,
)


class ReportRepository(DerivedRepository):
    """Reads and writes reports."""

    def __init__(self) -> None:
        super().__init__(dataset_report, "content")

    def predecessor(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Predecessor | None:
        """The last ready version before ``version``."""
        query = (
            select(*_COLUMNS)
            .where(
                dataset_version.c.dataset_id == dataset_id,
                dataset_version.c.version < version,
                dataset_version.c.status == READY,
                dataset_version.c.stored_key.is_not(None),
            )
            .order_by(dataset_version.c.version.desc())
            .limit(1)
        )
        row = unit.session.execute(query).first()
        if row is None:
            return None
        return Predecessor(row.version, columns_in(row.schema_info), row.row_count or 0, row.stored_key)

    def neighbours(self, unit: UnitOfWork, dataset_id: UUID, most: int) -> list[Neighbour]:
        """The organisation's other datasets that are ready, those changed last first."""
        query = (
            select(dataset.c.name, *_COLUMNS)
            .join(
                dataset_version,
                and_(
                    dataset_version.c.org_id == dataset.c.org_id,
                    dataset_version.c.dataset_id == dataset.c.id,
                    dataset_version.c.version == dataset.c.shown_version,
                ),
            )
            .where(
                dataset.c.id != dataset_id,
                dataset.c.deleted_at.is_(None),
                dataset_version.c.status == READY,
                dataset_version.c.stored_key.is_not(None),
            )
            .order_by(dataset.c.updated_at.desc(), dataset.c.id)
            .limit(most)
        )
        return [
            Neighbour(
                row.dataset_id,
                row.name,
                row.version,
                columns_in(row.schema_info),
                row.row_count or 0,
                row.stored_key,
                row.stored_bytes or 0,
            )
            for row in unit.session.execute(query)
        ]
