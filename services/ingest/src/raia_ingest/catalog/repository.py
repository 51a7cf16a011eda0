"""The catalogue in PostgreSQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from raia_ingest.catalog.domain import Tag
from raia_ingest.datasets.tables import dataset


class CatalogRepository:
    """Reads and writes what people say of datasets."""

    def change(self, unit: UnitOfWork, dataset_id: UUID, values: Mapping[str, Any]) -> bool:
        """Changes a dataset; False when another one of its project has its new name."""
        changed = update(dataset).where(dataset.c.id == dataset_id)
        try:
            with unit.session.begin_nested():
                unit.session.execute(
                    changed.values(**values, revision=dataset.c.revision + 1, updated_at=func.clock_timestamp())
                )
        except IntegrityError:
            return False
        return True

    def tags(self, unit: UnitOfWork, visibility: Visibility, offset: int, limit: int) -> list[Tag]:
        """The tags of datasets that the caller may see, the most used first, from place ``offset``."""
        seen = (
            select(func.unnest(dataset.c.tags).label("tag"))
            .where(dataset.c.deleted_at.is_(None), visibility.clause(dataset.c.project_id, dataset.c.id))
            .subquery()
        )
        count = func.count().label("n")
        query = select(seen.c.tag, count).group_by(seen.c.tag).order_by(count.desc(), seen.c.tag)
        return [Tag(row.tag, row.n) for row in unit.session.execute(query.offset(offset).limit(limit))]
