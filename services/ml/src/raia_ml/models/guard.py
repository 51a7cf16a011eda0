"""How a model is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ml.models.repository import ModelRepository


class ModelGuard:
    """Looks models up; deleted ones are not there."""

    def __init__(self, models: ModelRepository) -> None:
        self._models = models

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The model's project, or None when the organisation has no such model."""
        found = self._models.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
