"""Recipes in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from raia.ingest.v1 import recipe_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import OrderTerm, QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page, paginate
from sqlalchemy import Row, Select, and_, func, insert, select, update

from raia_ingest.recipes.domain import Recipe, RecipeVersion
from raia_ingest.recipes.tables import recipe, recipe_version

FIELDS = QueryFields(
    recipe_pb2.Recipe.DESCRIPTOR,
    {
        "id": recipe.c.id,
        "name": recipe.c.name,
        "description": recipe.c.description,
        "project_id": recipe.c.project_id,
        "created_by": recipe.c.created_by,
        "created_at": recipe.c.created_at,
        "updated_at": recipe.c.updated_at,
    },
)
_VERSION = and_(recipe_version.c.org_id == recipe.c.org_id, recipe_version.c.recipe_id == recipe.c.id)


class RecipeRepository:
    """Reads and writes recipes in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Recipe], str]:
        """A page of the recipes that the caller may see, at their latest version, and the token of the next."""
        visible = _recipes().where(
            recipe_version.c.version == recipe.c.latest_version, visibility.clause(recipe.c.project_id, recipe.c.id)
        )
        found = list_page(unit.session, visible, FIELDS, request)
        return [_recipe(row) for row in found.rows], found.next_page_token

    def versions(self, unit: UnitOfWork, recipe_id: UUID, page_size: int, page_token: str) -> tuple[list[Recipe], str]:
        """A page of a recipe's versions, newest first, and the token of the next."""
        order = [OrderTerm("version", recipe_version.c.version, descending=True)]
        found = paginate(
            unit.session,
            _recipes().where(recipe.c.id == recipe_id),
            order,
            page_size=page_size or 20,
            page_token=page_token,
            query=f"versions of {recipe_id}",
        )
        return [_recipe(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, recipe_id: UUID, version: int = 0) -> Recipe | None:
        """A recipe at ``version``, or at its latest when 0; None when either is not there."""
        wanted = recipe_version.c.version == (version or recipe.c.latest_version)
        row = unit.session.execute(_recipes().where(recipe.c.id == recipe_id, wanted)).first()
        return _recipe(row) if row is not None else None

    def lock(self, unit: UnitOfWork, recipe_id: UUID) -> Recipe | None:
        """A recipe at its latest version, its row locked until the transaction ends."""
        locked = select(recipe.c.id).where(recipe.c.id == recipe_id, recipe.c.deleted_at.is_(None))
        if unit.session.execute(locked.with_for_update()).first() is None:
            return None
        return self.find(unit, recipe_id)

    def project_of(self, unit: UnitOfWork, recipe_id: UUID) -> tuple[UUID | None] | None:
        """The project of a recipe that is not deleted, as a tuple; None when there is no such recipe."""
        query = select(recipe.c.project_id).where(recipe.c.id == recipe_id, recipe.c.deleted_at.is_(None))
        row = unit.session.execute(query).first()
        return (row.project_id,) if row is not None else None

    def named(self, unit: UnitOfWork, project_id: UUID | None, name: str) -> UUID | None:
        """The recipe of that name in a project; its name stays taken until the transaction ends."""
        unit.hold(f"recipe {unit.tenant} {project_id} {name}")
        query = select(recipe.c.id).where(
            recipe.c.name == name,
            recipe.c.project_id.is_not_distinct_from(project_id),
            recipe.c.deleted_at.is_(None),
        )
        return unit.session.execute(query).scalar()

    def add(
        self,
        unit: UnitOfWork,
        *,
        name: str,
        description: str,
        project_id: UUID | None,
        version: RecipeVersion,
        user_id: UUID | None,
    ) -> UUID:
        """Adds a recipe with its first version and returns its id."""
        recipe_id = new_id()
        unit.session.execute(
            insert(recipe).values(
                org_id=unit.tenant,
                id=recipe_id,
                project_id=project_id,
                name=name,
                description=description,
                latest_version=1,
                created_by=user_id,
            )
        )
        self._insert_version(unit, recipe_id, 1, version, user_id)
        return recipe_id

    def add_version(self, unit: UnitOfWork, found: Recipe, version: RecipeVersion, user_id: UUID | None) -> None:
        """Adds a version to a recipe whose row is locked."""
        number = found.latest_version + 1
        self._insert_version(unit, found.id, number, version, user_id)
        self.change(unit, found.id, {"latest_version": number})

    def change(self, unit: UnitOfWork, recipe_id: UUID, values: dict[str, Any]) -> None:
        """Changes columns of a recipe."""
        unit.session.execute(
            update(recipe)
            .where(recipe.c.id == recipe_id)
            .values(**values, revision=recipe.c.revision + 1, updated_at=func.now())
        )

    def delete(self, unit: UnitOfWork, recipe_id: UUID) -> None:
        """Hides a recipe; its versions stay for the runs that refer to them."""
        self.change(unit, recipe_id, {"deleted_at": func.now()})

    def steps(self, unit: UnitOfWork, recipe_id: UUID, version: int) -> Sequence[dict[str, Any]]:
        """The steps of a version, whether or not the recipe is deleted."""
        query = select(recipe_version.c.steps).where(
            recipe_version.c.recipe_id == recipe_id, recipe_version.c.version == version
        )
        found: list[dict[str, Any]] = orjson.loads(unit.session.execute(query).scalar_one())
        return found

    def _insert_version(
        self, unit: UnitOfWork, recipe_id: UUID, number: int, version: RecipeVersion, user_id: UUID | None
    ) -> None:
        unit.session.execute(
            insert(recipe_version).values(
                org_id=unit.tenant,
                recipe_id=recipe_id,
                version=number,
                steps=orjson.dumps(list(version.steps)),
                change_note=version.change_note,
                restored_version=version.restored_version,
                created_by=user_id,
            )
        )


def _recipes() -> Select[Any]:
    shown = [column for column in recipe.c if column.name not in ("org_id", "deleted_at")]
    of_version = [recipe_version.c[name] for name in ("version", "steps", "change_note", "restored_version")]
    made = recipe_version.c.created_at.label("version_created_at")
    maker = recipe_version.c.created_by.label("version_created_by")
    joined = select(*shown, *of_version, made, maker).join_from(recipe, recipe_version, _VERSION)
    return joined.where(recipe.c.deleted_at.is_(None))


def _recipe(row: Row[Any]) -> Recipe:
    return Recipe(
        id=row.id,
        name=row.name,
        description=row.description,
        project_id=row.project_id,
        latest_version=row.latest_version,
        revision=row.revision,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
        steps=orjson.loads(row.steps),
        change_note=row.change_note,
        restored_version=row.restored_version,
        version_created_at=row.version_created_at,
        version_created_by=row.version_created_by,
    )
