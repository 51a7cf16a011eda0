"""What the graph is made of, in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from sqlalchemy import Row, Text, and_, cast, func, or_, select, tuple_

from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.derived.domain import SUCCEEDED
from raia_ingest.lineage.domain import VersionKey
from raia_ingest.lineage.tables import trained_model
from raia_ingest.mapping.tables import mapping
from raia_ingest.mapping_runs.tables import mapping_run
from raia_ingest.quality_reports.tables import data_quality_report
from raia_ingest.recipe_runs.tables import recipe_run
from raia_ingest.recipes.tables import recipe
from raia_ingest.reports.tables import dataset_report
from raia_ingest.target_schemas.tables import target_schema


@dataclass(frozen=True)
class Seen:
    """What the caller may see of each kind."""

    datasets: Visibility
    recipes: Visibility
    mappings: Visibility
    models: Visibility


class LineageRepository:
    """Reads the neighbours of versions, many at once; of each only what the caller may see."""

    def versions(self, unit: UnitOfWork, seen: Seen, keys: Collection[VersionKey]) -> Sequence[Row[Any]]:
        """Versions with the name of their dataset, those of deleted datasets too."""
        return self._versions(unit, seen, _among(dataset_version.c.dataset_id, dataset_version.c.version, keys))

    def made_of(self, unit: UnitOfWork, seen: Seen, keys: Collection[VersionKey]) -> Sequence[Row[Any]]:
        """Versions whose origin names one of these versions; further tables of the same file do not count."""
        origin = dataset_version.c.origin
        number = func.coalesce(origin["dataset_version"].astext, origin["version"].astext)
        named = tuple_(origin["dataset_id"].astext, number).in_([(str(each), str(at)) for each, at in keys])
        return self._versions(unit, seen, and_(named, origin["kind"].astext != "part"))

    def joined_into(self, unit: UnitOfWork, seen: Seen, keys: Collection[VersionKey]) -> Sequence[Row[Any]]:
        """Versions that recipe runs made which joined one of these versions to their rows."""
        # The inputs of a run are kept as JSON in bytes, written by the same function.
        conditions = [
            func.pg_catalog.position(recipe_run.c.joined, orjson.dumps([str(each), at])) > 0 for each, at in keys
        ]
        outputs = select(recipe_run.c.output_dataset_id, recipe_run.c.output_version).where(
            recipe_run.c.status == SUCCEEDED, or_(*conditions)
        )
        return self._versions(unit, seen, tuple_(dataset_version.c.dataset_id, dataset_version.c.version).in_(outputs))

    def recipe_runs(self, unit: UnitOfWork, run_ids: Collection[UUID]) -> Sequence[Row[Any]]:
        """Runs of recipes."""
        return unit.session.execute(select(recipe_run).where(recipe_run.c.id.in_(run_ids))).all()

    def recipes(self, unit: UnitOfWork, seen: Seen, ids: Collection[UUID]) -> Sequence[Row[Any]]:
        """Recipes, deleted ones too."""
        visible = seen.recipes.clause(recipe.c.project_id, recipe.c.id)
        return unit.session.execute(select(recipe).where(recipe.c.id.in_(ids), visible)).all()

    def mapping_runs(self, unit: UnitOfWork, run_ids: Collection[UUID]) -> Sequence[Row[Any]]:
        """Runs of mappings."""
        columns = (c for c in mapping_run.c if c.name != "result")
        return unit.session.execute(select(*columns).where(mapping_run.c.id.in_(run_ids))).all()

    def mappings(self, unit: UnitOfWork, seen: Seen, ids: Collection[UUID]) -> Sequence[Row[Any]]:
        """Mappings with the name of their schema, deleted ones too."""
        query = (
            select(mapping.c.id, mapping.c.status, mapping.c.created_at, target_schema.c.name)
            .join(
                target_schema,
                and_(target_schema.c.org_id == mapping.c.org_id, target_schema.c.id == mapping.c.schema_id),
            )
            .where(mapping.c.id.in_(ids), seen.mappings.clause(mapping.c.project_id, mapping.c.id))
        )
        return list(unit.session.execute(query))

    def models(self, unit: UnitOfWork, seen: Seen, keys: Collection[VersionKey]) -> Sequence[Row[Any]]:
        """Models that learnt from these versions."""
        query = select(trained_model).where(
            _among(trained_model.c.dataset_id, trained_model.c.dataset_version, keys),
            seen.models.clause(trained_model.c.project_id, trained_model.c.model_id),
        )
        return unit.session.execute(query.order_by(trained_model.c.trained_at, trained_model.c.model_id)).all()

    def reports(self, unit: UnitOfWork, keys: Collection[VersionKey]) -> Sequence[Row[Any]]:
        """Exploratory and quality reports that tell of these versions; ``kind`` says which."""
        found: list[Row[Any]] = []
        for table in (dataset_report, data_quality_report):
            query = (
                select(table.c.id, table.c.dataset_id, table.c.version, table.c.status, table.c.created_at)
                .add_columns(cast("report" if table is dataset_report else "quality_report", Text).label("kind"))
                .where(_among(table.c.dataset_id, table.c.version, keys), table.c.status == SUCCEEDED)
            )
            found += unit.session.execute(query.order_by(table.c.created_at, table.c.id))
        return found

    def _versions(self, unit: UnitOfWork, seen: Seen, condition: Any) -> Sequence[Row[Any]]:
        query = (
            select(
                dataset.c.name,
                dataset.c.deleted_at,
                dataset_version.c.dataset_id,
                dataset_version.c.version,
                dataset_version.c.status,
                dataset_version.c.filename,
                dataset_version.c.sha256,
                dataset_version.c.origin,
                dataset_version.c.created_at,
            )
            .join(
                dataset,
                and_(dataset.c.org_id == dataset_version.c.org_id, dataset.c.id == dataset_version.c.dataset_id),
            )
            .where(condition, seen.datasets.clause(dataset.c.project_id, dataset.c.id))
            .order_by(dataset_version.c.created_at, dataset_version.c.dataset_id, dataset_version.c.version)
        )
        return list(unit.session.execute(query))


def _among(dataset_id: Any, version: Any, keys: Collection[VersionKey]) -> Any:
    return tuple_(dataset_id, version).in_(list(keys))
