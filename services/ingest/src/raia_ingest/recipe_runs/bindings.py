"""Use cases of bindings: recipes that clean each new version of a dataset."""

from functools import partial
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, PermissionDenied

from raia_ingest import errors
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing as missing_dataset
from raia_ingest.recipe_runs.domain import REUSE, Binding, default_target
from raia_ingest.recipe_runs.repository import BindingRepository
from raia_ingest.recipe_runs.service import RecipeRunService
from raia_ingest.recipes.domain import Recipe
from raia_ingest.recipes.joining import joined_datasets
from raia_ingest.recipes.repository import RecipeRepository
from raia_ingest.recipes.service import missing as missing_recipe

_LONGEST_CHAIN = 100


class BindingService:
    """Bindings of recipes to datasets."""

    def __init__(
        self,
        *,
        datasets: DatasetRepository,
        recipes: RecipeRepository,
        bindings: BindingRepository,
        runs: RecipeRunService,
        access: AccessIndex,
    ) -> None:
        self._datasets, self._recipes, self._bindings = datasets, recipes, bindings
        self._runs, self._access = runs, access

    def create(
        self,
        unit: UnitOfWork,
        caller: Caller,
        *,
        recipe_id: UUID,
        recipe_version: int,
        dataset_id: UUID,
        target_name: str,
        fitting: str,
    ) -> Binding:
        """Has every later version of a dataset cleaned; raises ``NotFound``, ``PermissionDenied``, ``RecipeFailed``."""
        if self._recipes.find(unit, recipe_id, recipe_version) is None:
            raise missing_recipe(recipe_id, recipe_version)
        dataset = self._datasets.lock(unit, dataset_id)
        place = {"resource_type": "dataset", "resource_id": str(dataset_id)}
        if dataset is None or not self._access.allows(caller, "datasets.read", project_id=dataset.project_id, **place):
            raise missing_dataset(dataset_id, 0)
        if not self._access.allows(caller, "datasets.create", project_id=dataset.project_id):
            raise PermissionDenied(
                "datasets.create is needed in the project of the dataset",
                reason="PERMISSION_MISSING",
                metadata={"permission": "datasets.create", "project_id": str(dataset.project_id or "")},
            )
        target = target_name.strip() or default_target(dataset.name)
        self._check_cycle(unit, dataset, target)
        binding_id = self._bindings.add(
            unit,
            {
                "recipe_id": recipe_id,
                "recipe_version": recipe_version,
                "dataset_id": dataset_id,
                "target_name": target,
                "fitting": fitting or REUSE,
                "created_by": caller.user_id,
            },
        )
        return self._found(unit, recipe_id, binding_id)

    def page(self, unit: UnitOfWork, recipe_id: UUID, page_size: int, page_token: str) -> tuple[list[Binding], str]:
        """A page of a recipe's bindings, newest first, and the token of the next."""
        return self._bindings.page(unit, recipe_id, page_size, page_token)

    def delete(self, unit: UnitOfWork, recipe_id: UUID, binding_id: UUID) -> None:
        """Ends a binding; raises ``NotFound``."""
        self._bindings.end(unit, self._found(unit, recipe_id, binding_id).id)

    def arrived(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Starts the runs of a version that has become ready."""
        for binding in self._bindings.of_dataset(unit, dataset.id):
            recipe = self._recipes.find(unit, binding.recipe_id, binding.recipe_version)
            own = dataset.version.origin.get("recipe_id") == str(binding.recipe_id)
            if recipe is None or own or not self._may(unit, binding, dataset):
                continue
            readable = partial(self._both_read, unit, binding, recipe)
            joined = joined_datasets(unit, self._datasets, recipe.steps, readable)
            values = {
                "target_name": binding.target_name,
                "binding_id": binding.id,
                "created_by": binding.created_by,
            }
            run = self._runs.enqueue(unit, recipe, dataset, joined, values)
            self._bindings.started(unit, binding.id, run.id)

    def _may(self, unit: UnitOfWork, binding: Binding, dataset: Dataset) -> bool:
        """Whether who made the binding may still read the dataset and add to its project."""
        return all(
            binding.created_by in self._access.holders(unit.tenant, permission, project_id=dataset.project_id)
            for permission in ("datasets.read", "datasets.create")
        )

    def _both_read(self, unit: UnitOfWork, binding: Binding, recipe: Recipe, dataset: Dataset) -> bool:
        """Whether who made the binding and who wrote the steps may read a joined dataset: neither lends the other."""
        readers = self._access.holders(unit.tenant, "datasets.read", project_id=dataset.project_id)
        return {binding.created_by, recipe.version_created_by} <= set(readers)

    def _check_cycle(self, unit: UnitOfWork, dataset: Dataset, target: str) -> None:
        seen: set[UUID] = set()
        waiting = [target]
        while waiting and len(seen) < _LONGEST_CHAIN:
            found = self._bindings.dataset_named(unit, dataset.project_id, waiting.pop())
            if found == dataset.id:
                raise errors.RecipeFailed(
                    "the binding would feed the dataset from itself: choose another target",
                    reason="BINDING_CYCLE",
                    metadata={"target_name": target},
                )
            if found is not None and found not in seen:
                seen.add(found)
                waiting += [binding.target_name for binding in self._bindings.of_dataset(unit, found)]

    def _found(self, unit: UnitOfWork, recipe_id: UUID, binding_id: UUID) -> Binding:
        found = self._bindings.find(unit, binding_id)
        if found is None or found.recipe_id != recipe_id:
            raise NotFound.of("recipe binding", binding_id)
        return found
