"""What recipes would do, and which would help: nothing of it is kept."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from google.protobuf import struct_pb2
from raia.ingest.v1 import recipe_preview_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound
from raia_kit.objects import ObjectStore
from raia_kit.resources import AccessDecisions

from raia_ingest.datasets.converters import to_column
from raia_ingest.datasets.domain import Column, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.recipes.converters import from_steps, to_steps
from raia_ingest.recipes.joining import Joined, check_steps, columns_of, joined_datasets, tables
from raia_ingest.recipes.repository import RecipeRepository
from raia_ingest.recipes.service import missing as missing_recipe
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

_PREVIEW = "raia_ingest.workers.recipe.preview:preview_recipe"
_SUGGEST = "raia_ingest.workers.recipe.suggest:suggest_steps"
_SECONDS = 110.0
_SAMPLE_ROWS, _PAGE_ROWS = 1000, 50


class TrialService:
    """Suggestions and previews."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        recipes: RecipeRepository,
        objects: ObjectStore,
        pool: ComputePool,
        access: AccessDecisions,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._recipes = database, datasets, recipes
        self._objects, self._pool, self._access = objects, pool, access
        self._profiles = ProfileRepository()
        self._memory, self._scratch = settings.recipe_memory_bytes, settings.scratch_folder

    def suggest(
        self, call: Call, request: recipe_preview_pb2.SuggestRecipeRequest
    ) -> recipe_preview_pb2.SuggestRecipeResponse:
        """Steps for a version, from its profile if there is one; raises ``NotFound`` and ``NotReady``."""
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._ready(unit, UUID(request.dataset_id), request.version)
            profile = self._profiles.find(unit, dataset.id, dataset.version.number)
        statistics = profile.result if profile is not None else None
        arguments = {"statistics": statistics, "purpose": request.purpose or "analysis"}
        found = self._compute(call, _SUGGEST, dataset, {}, arguments)
        return recipe_preview_pb2.SuggestRecipeResponse(
            dataset_id=str(dataset.id),
            version=dataset.version.number,
            steps=to_steps(found["steps"]),
            remarks=found["remarks"],
        )

    def preview(
        self, call: Call, request: recipe_preview_pb2.PreviewRecipeRequest
    ) -> recipe_preview_pb2.PreviewRecipeResponse:
        """Rows before and after; raises ``NotFound``, ``NotReady``, ``BadRecipe`` and ``RecipeFailed``."""
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._ready(unit, UUID(request.dataset_id), request.version)
            steps = self._steps(unit, call, request)
            joined = joined_datasets(unit, self._datasets, steps, lambda other: self._readable(call, other))
        check_steps(steps, dataset.version, joined)
        arguments = {
            "steps": list(steps),
            "sample_rows": request.sample_rows or _SAMPLE_ROWS,
            "limit": request.page_size or _PAGE_ROWS,
        }
        return _to_preview(dataset, self._compute(call, _PREVIEW, dataset, joined, arguments))

    def _ready(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Dataset:
        dataset = self._datasets.find(unit, dataset_id, version)
        if dataset is None:
            raise missing(dataset_id, version)
        dataset.version.require_ready(dataset_id)
        return dataset

    def _steps(
        self, unit: UnitOfWork, call: Call, request: recipe_preview_pb2.PreviewRecipeRequest
    ) -> Sequence[Mapping[str, Any]]:
        if request.steps:
            return from_steps(request.steps)
        if not request.recipe_id:
            raise InvalidArgument.of_field("steps", "give steps, or a recipe_id")
        recipe_id = UUID(request.recipe_id)
        found = self._recipes.find(unit, recipe_id, request.recipe_version)
        if found is None:
            raise missing_recipe(recipe_id, request.recipe_version)
        place = {"resource_type": "recipe", "resource_id": str(recipe_id)}
        if not self._access.allows(call.authenticated, "datasets.read", project_id=found.project_id, **place):
            raise NotFound.of("recipe", recipe_id)
        return found.steps

    def _readable(self, call: Call, dataset: Dataset) -> bool:
        place = {"resource_type": "dataset", "resource_id": str(dataset.id)}
        return self._access.allows(call.authenticated, "datasets.read", project_id=dataset.project_id, **place)

    def _compute(
        self, call: Call, function: str, dataset: Dataset, joined: Joined, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        key = dataset.version.stored_key or ""
        with (
            self._objects.materialise(key) as path,
            tables(self._objects, joined) as others,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            table = {"path": str(path), "columns": columns_of(dataset.version), "others": others}
            found: dict[str, Any] = self._pool.run(
                function,
                {**table, "memory_bytes": self._memory, "folder": folder, **arguments},
                time_limit=max(0.1, min(_SECONDS, left - 1)),
                affinity=key,
                share=str(call.org_id),
            )
        return found


def _to_preview(dataset: Dataset, found: Mapping[str, Any]) -> recipe_preview_pb2.PreviewRecipeResponse:
    after = [Column(each["name"], each["type"], each["original_name"]) for each in found["columns"]]
    return recipe_preview_pb2.PreviewRecipeResponse(
        dataset_id=str(dataset.id),
        version=dataset.version.number,
        columns_before=[to_column(column) for column in dataset.version.columns],
        columns_after=[to_column(column) for column in after],
        rows=[_to_difference(row) for row in found["rows"]],
        compared_row_count=found["compared"],
        changed_row_count=found["changed"],
        removed_row_count=sum(each["count"] for each in found["removed"]),
        removals=[recipe_preview_pb2.RemovalCount(**each) for each in found["removed"]],
        changed_cell_counts=found["cells"],
    )


def _to_difference(row: Mapping[str, Any]) -> recipe_preview_pb2.RowDifference:
    before = struct_pb2.ListValue()
    before.extend(row["before"])
    message = recipe_preview_pb2.RowDifference(
        row=row["row"],
        before=before,
        changed_columns=row["changed"],
        removed_by_step=row["step"],
        removal_reason=row["reason"],
    )
    if row["after"] is not None:
        message.after.extend(row["after"])
    return message
