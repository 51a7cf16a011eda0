"""How a fairness report is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_explain.fairness.repository import FairnessRepository


class FairnessReportGuard:
    """Looks reports up; they lie where their model lay when they were asked for."""

    def __init__(self, reports: FairnessRepository) -> None:
        self._reports = reports

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The report's project, or None when the organisation has no such report."""
        found = self._reports.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
