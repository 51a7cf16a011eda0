"""How sources and their items are found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.sources.items import ItemRepository
from raia_ingest.sources.repository import SourceRepository


class SourceGuard:
    """Looks sources up; deleted ones are not there."""

    def __init__(self, sources: SourceRepository) -> None:
        self._sources = sources

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The source's project, or None when the organisation has no such source."""
        found = self._sources.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None


class SourceItemGuard:
    """Looks items up; those of deleted sources are not there."""

    def __init__(self, items: ItemRepository) -> None:
        self._items = items

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the item's source, or None when the organisation has no such item."""
        found = self._items.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None
