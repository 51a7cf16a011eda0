"""How a dataset is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.datasets.repository import DatasetRepository


class DatasetGuard:
    """Looks datasets up; deleted ones are not there."""

    def __init__(self, datasets: DatasetRepository) -> None:
        self._datasets = datasets

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The dataset's project, or None when the organisation has no such dataset."""
        found = self._datasets.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
