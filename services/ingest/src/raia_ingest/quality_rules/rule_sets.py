"""Suggestions of rules: from the profile of a version, less what its rules demand already."""

from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import Database

from raia_ingest.datasets.domain import Dataset
from raia_ingest.profiles.service import ProfileService
from raia_ingest.quality_rules.repository import QualityRuleRepository
from raia_ingest.quality_rules.suggestions import Suggestion, suggest, without_known


class QualityRuleSetService:
    """Suggests rules."""

    def __init__(self, database: Database, rules: QualityRuleRepository, profiles: ProfileService) -> None:
        self._database, self._rules, self._profiles = database, rules, profiles

    def suggest(
        self, call: Call, dataset_id: UUID, version: int, seconds: float
    ) -> tuple[Dataset, str, list[Suggestion]]:
        """The dataset at the version, the status of its profile, and what that speaks for once it has succeeded.

        Waits up to ``seconds`` for the profile, which is started if there is none. Raises ``NotFound``, ``NotReady``.
        """
        dataset, profile = self._profiles.get(call, dataset_id, version, seconds)
        if profile.result is None:
            return dataset, profile.status, []
        with self._database.unit_of_work(call.org_id) as unit:
            known = [rule.spec for rule in self._rules.of_dataset(unit, dataset_id)]
        found = suggest(profile.result, dataset.version.row_count or 0)
        return dataset, profile.status, without_known(found, known)
