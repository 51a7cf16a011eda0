"""How a processing result is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.processing.repository import ProcessingRepository


class ProcessingGuard:
    """Looks results up; those of deleted datasets are not there."""

    def __init__(self, results: ProcessingRepository) -> None:
        self._results = results

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the result's dataset, or None when the organisation has no such result."""
        found = self._results.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None
