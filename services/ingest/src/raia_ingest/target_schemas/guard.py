"""How a target schema is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.target_schemas.repository import TargetSchemaRepository


class TargetSchemaGuard:
    """Looks schemas up; deleted ones are not there."""

    def __init__(self, schemas: TargetSchemaRepository) -> None:
        self._schemas = schemas

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The schema's project, or None when the organisation has no such schema."""
        found = self._schemas.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None
