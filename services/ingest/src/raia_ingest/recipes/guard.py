"""How a recipe is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.recipes.repository import RecipeRepository


class RecipeGuard:
    """Looks recipes up; deleted ones are not there."""

    def __init__(self, recipes: RecipeRepository) -> None:
        self._recipes = recipes

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The recipe's project, or None when the organisation has no such recipe."""
        found = self._recipes.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
