"""How a run is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.recipe_runs.repository import RecipeRunRepository


class RecipeRunGuard:
    """Looks runs up."""

    def __init__(self, runs: RecipeRunRepository) -> None:
        self._runs = runs

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the dataset that is cleaned, or None when the organisation has no such run."""
        found = self._runs.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None
