"""How a data quality rule is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.quality_rules.repository import QualityRuleRepository


class QualityRuleGuard:
    """Looks rules up; they lie where their dataset lies."""

    def __init__(self, rules: QualityRuleRepository) -> None:
        self._rules = rules

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The project of the rule's dataset, or None when the organisation has no such rule."""
        found = self._rules.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
