"""How a validation is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.quality_validations.repository import QualityValidationRepository


class DatasetValidationGuard:
    """Looks validations up; they lie where their dataset lies."""

    def __init__(self, validations: QualityValidationRepository) -> None:
        self._validations = validations

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the validation's dataset, or None when the organisation has no such validation."""
        found = self._validations.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
