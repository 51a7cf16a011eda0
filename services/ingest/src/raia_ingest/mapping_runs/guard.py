"""How a run is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.mapping_runs.repository import MappingRunRepository


class MappingRunGuard:
    """Looks runs up; those over deleted datasets are not there."""

    def __init__(self, runs: MappingRunRepository, datasets: DatasetRepository) -> None:
        self._runs, self._datasets = runs, datasets

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the run's dataset, or None when the organisation has no such run."""
        found = self._runs.find(unit, UUID(resource_id))
        if found is None or self._datasets.project_of(unit, found.dataset_id) is None:
            return None
        return Located(project_id=found.project_id)
