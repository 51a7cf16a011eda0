"""How a mapping is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.mapping.repository import MappingRepository


class MappingGuard:
    """Looks mappings up; those of deleted datasets are not there."""

    def __init__(self, mappings: MappingRepository, datasets: DatasetRepository) -> None:
        self._mappings, self._datasets = mappings, datasets

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the mapping's dataset, or None when the organisation has no such mapping."""
        found = self._mappings.find(unit, UUID(resource_id))
        if found is None or self._datasets.project_of(unit, found.dataset_id) is None:
            return None
        return Located(project_id=found.project_id)
