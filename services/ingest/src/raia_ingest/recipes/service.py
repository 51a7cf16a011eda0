"""Use cases of recipes: make, list, get, change, undo, delete."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from raia_kit.pagination import ListRequest

from raia_ingest import errors
from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.recipes.domain import Recipe, RecipeChange, RecipeVersion
from raia_ingest.recipes.plan import BadStep, check_alone
from raia_ingest.recipes.repository import RecipeRepository

_PERMISSION = "datasets.create"


class RecipeNameTaken(AlreadyExists):
    """A recipe of this name exists in the project."""

    domain = errors.DOMAIN


class RecipeService:
    """What can be done with recipes but running them."""

    def __init__(self, recipes: RecipeRepository, access: AccessIndex) -> None:
        self._recipes, self._access = recipes, access

    def create(
        self,
        unit: UnitOfWork,
        caller: Caller,
        *,
        name: str,
        description: str,
        project_id: UUID | None,
        steps: Sequence[dict[str, Any]],
    ) -> Recipe:
        """Makes a recipe; raises ``BadRecipe``, ``RecipeNameTaken``, ``PermissionDenied`` and ``NotFound``."""
        self._check_project(caller, project_id)
        _check(steps)
        name = _named(name)
        self._check_name(unit, project_id, name)
        recipe_id = self._recipes.add(
            unit,
            name=name,
            description=description,
            project_id=project_id,
            version=RecipeVersion(steps),
            user_id=caller.user_id,
        )
        return self.get(unit, recipe_id, 0)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Recipe], str]:
        """A page of the recipes that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "datasets.read", "recipe")
        return self._recipes.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, recipe_id: UUID, version: int) -> Recipe:
        """One recipe at one version; raises ``NotFound``."""
        found = self._recipes.find(unit, recipe_id, version)
        if found is None:
            raise missing(recipe_id, version)
        return found

    def versions(self, unit: UnitOfWork, recipe_id: UUID, page_size: int, page_token: str) -> tuple[list[Recipe], str]:
        """A page of a recipe's versions, newest first, and the token of the next."""
        return self._recipes.versions(unit, recipe_id, page_size, page_token)

    def update(self, unit: UnitOfWork, caller: Caller, recipe_id: UUID, change: RecipeChange, etag: str) -> Recipe:
        """Changes a recipe; other steps make a new version. Raises what ``create`` does, and ``EtagMismatch``."""
        found = self._locked(unit, recipe_id, etag)
        if change.version is not None:
            if not change.version.steps:
                raise InvalidArgument.of_field("steps", "a recipe has at least one step")
            _check(change.version.steps)
        values: dict[str, Any] = {}
        if change.name is not None and _named(change.name) != found.name:
            values["name"] = _named(change.name)
            self._check_name(unit, found.project_id, values["name"])
        if change.description is not None:
            values["description"] = change.description
        if values:
            self._recipes.change(unit, recipe_id, values)
        if change.version is not None and list(change.version.steps) != list(found.steps):
            self._recipes.add_version(unit, found, change.version, caller.user_id)
        return self.get(unit, recipe_id, 0)

    def restore(self, unit: UnitOfWork, caller: Caller, recipe_id: UUID, version: int, etag: str) -> Recipe:
        """Makes a version with the steps of an earlier one, the one before the latest for 0; raises ``NotFound``."""
        found = self._locked(unit, recipe_id, etag)
        wanted = version or found.latest_version - 1
        earlier = self._recipes.find(unit, recipe_id, wanted) if wanted else None
        if earlier is None:
            raise NotFound.of("recipe version", f"{recipe_id}/{wanted}")
        note = f"back to version {wanted}"
        self._recipes.add_version(unit, found, RecipeVersion(earlier.steps, note, wanted), caller.user_id)
        return self.get(unit, recipe_id, 0)

    def delete(self, unit: UnitOfWork, recipe_id: UUID, etag: str) -> None:
        """Hides a recipe; raises ``NotFound`` and ``EtagMismatch``."""
        self._locked(unit, recipe_id, etag)
        self._recipes.delete(unit, recipe_id)

    def _locked(self, unit: UnitOfWork, recipe_id: UUID, etag: str) -> Recipe:
        found = self._recipes.lock(unit, recipe_id)
        if found is None:
            raise missing(recipe_id, 0)
        if etag and etag != found.etag:
            raise EtagMismatch(
                "the recipe has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": found.etag},
            )
        return found

    def _check_name(self, unit: UnitOfWork, project_id: UUID | None, name: str) -> None:
        if self._recipes.named(unit, project_id, name) is not None:
            raise RecipeNameTaken(
                f"there is a recipe {name!r} already: take another name, or update it",
                reason="RECIPE_NAME_TAKEN",
                metadata={"name": name},
            )

    def _check_project(self, caller: Caller, project_id: UUID | None) -> None:
        if self._access.allows(caller, _PERMISSION, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise PermissionDenied(
            f"{_PERMISSION} is needed in this project",
            reason="PERMISSION_MISSING",
            metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
        )


def missing(recipe_id: UUID, version: int) -> NotFound:
    """The error for a recipe, or a version of one, that is not there."""
    return NotFound.of("recipe version", f"{recipe_id}/{version}") if version else NotFound.of("recipe", recipe_id)


def _check(steps: Sequence[dict[str, Any]]) -> None:
    try:
        check_alone(steps)
    except BadStep as bad:
        raise errors.bad_step(bad.place, bad.kind, bad.fault.field, bad.fault.message) from bad


def _named(name: str) -> str:
    if not name.strip():
        raise InvalidArgument.of_field("name", "a recipe needs a name")
    return name.strip()
