"""Recipes between the domain and the contract."""

from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from raia.ingest.v1 import recipe_pb2, recipe_service_pb2

from raia_ingest.recipes.domain import Recipe, RecipeChange, RecipeVersion


def to_proto(recipe: Recipe, *, steps: bool = True) -> recipe_pb2.Recipe:
    """The recipe as the contract has it; lists leave out the steps."""
    message = recipe_pb2.Recipe(
        id=str(recipe.id),
        name=recipe.name,
        description=recipe.description,
        project_id=str(recipe.project_id or ""),
        version=recipe.version,
        latest_version=recipe.latest_version,
        steps=to_steps(recipe.steps) if steps else [],
        change_note=recipe.change_note,
        restored_version=recipe.restored_version,
        created_by=str(recipe.created_by or ""),
        etag=recipe.etag,
    )
    message.created_at.FromDatetime(recipe.created_at)
    message.updated_at.FromDatetime(recipe.updated_at)
    message.version_created_at.FromDatetime(recipe.version_created_at)
    return message


def to_steps(steps: Iterable[dict[str, Any]]) -> list[recipe_pb2.RecipeStep]:
    """Steps as the contract has them."""
    return [json_format.ParseDict(step, recipe_pb2.RecipeStep()) for step in steps]


def from_steps(steps: Iterable[recipe_pb2.RecipeStep]) -> list[dict[str, Any]]:
    """Steps as JSON values, with what is unset left out."""
    return [json_format.MessageToDict(step, preserving_proto_field_name=True) for step in steps]


def to_change(request: recipe_service_pb2.UpdateRecipeRequest) -> RecipeChange:
    """The change that the request asks for: the fields of its mask, else every field that is set."""
    named = set(request.update_mask.paths)

    def wanted(name: str, value: object) -> bool:
        return name in named if named else bool(value)

    return RecipeChange(
        name=request.name if wanted("name", request.name) else None,
        description=request.description if wanted("description", request.description) else None,
        version=RecipeVersion(from_steps(request.steps), request.change_note)
        if wanted("steps", request.steps)
        else None,
    )
