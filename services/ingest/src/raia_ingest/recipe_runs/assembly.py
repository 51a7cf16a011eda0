"""Composes the room of runs, lineage and bindings."""

from raia.ingest.v1 import recipe_run_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.recipe_runs.bindings import BindingService
from raia_ingest.recipe_runs.guard import RecipeRunGuard
from raia_ingest.recipe_runs.lineage import LineageService
from raia_ingest.recipe_runs.repository import BindingRepository, RecipeRunRepository
from raia_ingest.recipe_runs.service import RecipeRunService
from raia_ingest.recipe_runs.servicer import RecipeRunServicer
from raia_ingest.recipe_runs.work import RecipeWork
from raia_ingest.recipes.repository import RecipeRepository


def assemble(ground: Ground) -> Room:
    """Recipes at work."""
    runtime = ground.runtime
    recipes, runs, bindings = RecipeRepository(), RecipeRunRepository(), BindingRepository()
    service = RecipeRunService(
        database=runtime.database,
        datasets=ground.datasets,
        recipes=recipes,
        runs=runs,
        jobs=runtime.jobs,
        access=runtime.access,
        changes=ground.changes,
        settings=ground.settings,
    )
    RecipeWork(
        datasets=ground.datasets,
        recipes=recipes,
        runs=runs,
        bindings=bindings,
        versions=ground.versions,
        jobs=runtime.jobs,
        objects=runtime.objects,
        changes=ground.changes,
        settings=ground.settings,
    )
    lineage = LineageService(
        database=runtime.database,
        datasets=ground.datasets,
        runs=runs,
        objects=runtime.objects,
        pool=ground.at_once,
    )
    bound = BindingService(
        datasets=ground.datasets, recipes=recipes, bindings=bindings, runs=service, access=runtime.access
    )
    ground.arrivals.add(bound.arrived)
    described = recipe_run_service_pb2.DESCRIPTOR.services_by_name["RecipeRunService"]
    return Room(
        servicers=[Servicer(described, RecipeRunServicer(service, lineage, bound))],
        guards={"recipe_run": RecipeRunGuard(runs)},
        references=runs.references,
    )
