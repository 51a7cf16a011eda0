"""Use cases of runs: start, get, list, watch, cancel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call, Caller
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound, PermissionDenied
from raia_kit.jobs import JobQueue
from raia_kit.pagination import ListRequest

from raia_ingest import errors
from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing as missing_dataset
from raia_ingest.recipe_runs import events
from raia_ingest.recipe_runs.domain import CANCELLED, SUCCEEDED, RecipeRun, default_target
from raia_ingest.recipe_runs.repository import RecipeRunRepository
from raia_ingest.recipes.domain import Recipe
from raia_ingest.recipes.joining import Joined, check_steps, joined_datasets
from raia_ingest.recipes.repository import RecipeRepository
from raia_ingest.recipes.service import missing as missing_recipe
from raia_ingest.settings import IngestSettings

RUN_JOB = "ingest.recipe"
_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class RunOrder:
    """What is to be run on what; 0 is the latest version."""

    recipe_id: UUID
    recipe_version: int
    dataset_id: UUID
    dataset_version: int
    target_name: str
    engine: str
    fitted_by_run_id: UUID | None


class RecipeRunService:
    """Runs of recipes."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        recipes: RecipeRepository,
        runs: RecipeRunRepository,
        jobs: JobQueue,
        access: AccessIndex,
        changes: Changes,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._recipes, self._runs = database, datasets, recipes, runs
        self._jobs, self._access, self._changes, self._settings = jobs, access, changes, settings

    def start(self, unit: UnitOfWork, caller: Caller, order: RunOrder) -> RecipeRun:
        """Has a recipe run once the unit of work has committed.

        Raises ``NotFound``, ``NotReady``, ``PermissionDenied``, ``BadRecipe`` and ``RecipeFailed``.
        """
        recipe = self._recipes.find(unit, order.recipe_id, order.recipe_version)
        if recipe is None:
            raise missing_recipe(order.recipe_id, order.recipe_version)
        dataset = self._source(unit, caller, order.dataset_id, order.dataset_version)
        joined = joined_datasets(unit, self._datasets, recipe.steps, lambda other: self._reads(caller, other))
        check_steps(recipe.steps, dataset.version, joined)
        if order.engine == "spark":
            self._check_spark(recipe.steps, dataset, joined)
        if order.fitted_by_run_id is not None:
            self._check_knowledge(unit, order.fitted_by_run_id, recipe)
        values = {
            "target_name": _target(order.target_name, dataset),
            "wanted_engine": order.engine,
            "fitted_by_run_id": order.fitted_by_run_id,
            "created_by": caller.user_id,
        }
        return self.enqueue(unit, recipe, dataset, joined, values)

    def enqueue(
        self, unit: UnitOfWork, recipe: Recipe, dataset: Dataset, joined: Joined, values: dict[str, Any]
    ) -> RecipeRun:
        """Adds a run of checked parts, with its job and its event."""
        described = {
            "recipe_id": recipe.id,
            "recipe_version": recipe.version,
            "dataset_id": dataset.id,
            "dataset_version": dataset.version.number,
            "project_id": dataset.project_id,
            **values,
        }
        versions = [(other.id, other.version.number) for other in joined.values()]
        run_id = self._runs.add(unit, described, versions)
        # Runs of one binding follow each other, so that versions come in order and the first teaches the others.
        lock = f"recipe binding {values['binding_id']}" if values.get("binding_id") else None
        job_id = self._jobs.enqueue(
            unit, RUN_JOB, {"run_id": str(run_id)}, unit.tenant, values["created_by"], lock=lock
        )
        self._runs.set_job(unit, run_id, job_id)
        run = self.get(unit, run_id)
        events.started(unit, run)
        return run

    def get(self, unit: UnitOfWork, run_id: UUID) -> RecipeRun:
        """One run; raises ``NotFound``."""
        run = self._runs.find(unit, run_id)
        if run is None:
            raise NotFound.of("recipe run", run_id)
        return run

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[RecipeRun], str]:
        """A page of the runs that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "recipe_run")
        return self._runs.page(unit, visibility, request)

    def watch(self, call: Call, run_id: UUID) -> Iterator[RecipeRun]:
        """The run now and whenever its status or progress changes, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            with self._database.unit_of_work(call.org_id) as unit:
                run = self.get(unit, run_id)
            if (run.status, run.progress) != last:
                yield run
                last = (run.status, run.progress)
            if run.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, run_id: UUID) -> RecipeRun:
        """Ends a run that is not finished; raises ``NotFound``."""
        run = self._runs.find(unit, run_id, lock=True)
        if run is None:
            raise NotFound.of("recipe run", run_id)
        if not run.finished:
            if run.job_id is not None:
                self._jobs.cancel(unit, run.job_id)
            if self._runs.cancel(unit, run_id):
                events.ended(unit, run, CANCELLED)
            unit.after_commit(self._changes.notify)
        return self.get(unit, run_id)

    def _source(self, unit: UnitOfWork, caller: Caller, dataset_id: UUID, version: int) -> Dataset:
        """The dataset to clean, which the caller may read and to whose project they may add."""
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None or not self._reads(caller, dataset):
            raise missing_dataset(dataset_id, version)
        if not self._access.allows(caller, "datasets.create", project_id=dataset.project_id):
            raise PermissionDenied(
                "datasets.create is needed in the project of the dataset",
                reason="PERMISSION_MISSING",
                metadata={"permission": "datasets.create", "project_id": str(dataset.project_id or "")},
            )
        dataset.version.require_ready(dataset_id)
        return dataset

    def _reads(self, caller: Caller, dataset: Dataset) -> bool:
        place = {"resource_type": "dataset", "resource_id": str(dataset.id)}
        return self._access.allows(caller, "datasets.read", project_id=dataset.project_id, **place)

    def _check_spark(self, steps: Sequence[dict[str, Any]], dataset: Dataset, joined: Joined) -> None:
        if not self._settings.spark_master:
            raise errors.RecipeFailed(
                "Spark is not set up here: leave the engine to the platform, or set RAIA_SPARK_MASTER",
                reason="SPARK_UNAVAILABLE",
            )
        if not spark_holds(steps, [dataset, *joined.values()]):
            raise errors.RecipeFailed(
                "Spark has no times of day: leave the engine to the platform", reason="SPARK_UNAVAILABLE"
            )

    def _check_knowledge(self, unit: UnitOfWork, run_id: UUID, recipe: Recipe) -> None:
        run = self._runs.find(unit, run_id)
        if run is None:
            raise NotFound.of("recipe run", run_id)
        if run.status != SUCCEEDED or (run.recipe_id, run.recipe_version) != (recipe.id, recipe.version):
            raise errors.RecipeFailed(
                f"run {run_id} cannot be repeated: it must have succeeded with version {recipe.version} of the recipe",
                reason="RUN_NOT_USABLE",
                metadata={"status": run.status, "recipe_version": str(run.recipe_version)},
            )


def spark_holds(steps: Sequence[dict[str, Any]], datasets: Sequence[Dataset]) -> bool:
    """Whether Spark has types and names for all columns."""
    made = {step["convert_type"]["to"] for step in steps if "convert_type" in step}
    columns = [column for dataset in datasets for column in dataset.version.columns]
    return "time" not in {*made, *(column.type for column in columns)} and not any(
        column.name == "_metadata" for column in columns
    )


def _target(wanted: str, dataset: Dataset) -> str:
    name = wanted.strip() or default_target(dataset.name)
    if "\x00" in name:
        raise InvalidArgument.of_field("target_name", "a name holds no NUL")
    return name
