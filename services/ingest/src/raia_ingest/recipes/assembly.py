"""Composes the room of recipes."""

from raia.ingest.v1 import recipe_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.recipes.guard import RecipeGuard
from raia_ingest.recipes.repository import RecipeRepository
from raia_ingest.recipes.service import RecipeService
from raia_ingest.recipes.servicer import RecipeServicer
from raia_ingest.recipes.trial import TrialService


def assemble(ground: Ground) -> Room:
    """Write, suggest and preview recipes."""
    recipes = RecipeRepository()
    trials = TrialService(
        database=ground.runtime.database,
        datasets=ground.datasets,
        recipes=recipes,
        objects=ground.runtime.objects,
        pool=ground.charts,
        access=ground.runtime.access,
        settings=ground.settings,
    )
    described = recipe_service_pb2.DESCRIPTOR.services_by_name["RecipeService"]
    servicer = RecipeServicer(RecipeService(recipes, ground.runtime.access), trials)
    return Room(servicers=[Servicer(described, servicer)], guards={"recipe": RecipeGuard(recipes)})
