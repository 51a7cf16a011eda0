"""How a data quality report is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.quality_reports.repository import QualityReportRepository


class DataQualityReportGuard:
    """Looks reports up; they lie where their dataset lies."""

    def __init__(self, reports: QualityReportRepository) -> None:
        self._reports = reports

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the report's dataset, or None when the organisation has no such report."""
        found = self._reports.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
