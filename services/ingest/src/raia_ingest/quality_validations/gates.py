"""Use cases of gates: what a validation does to the version's gate, and who may open or close it by hand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork

from raia_ingest import metrics
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.errors import not_quarantined
from raia_ingest.quality_rules.repository import QualityRuleRepository
from raia_ingest.quality_validations import events
from raia_ingest.quality_validations.domain import (
    CHECKING,
    PASSED,
    QUARANTINED,
    RELEASED,
    Validation,
    blame,
    gate_after,
)
from raia_ingest.quality_validations.repository import QualityValidationRepository


class GateService:
    """Keeps versions back and lets them go."""

    def __init__(
        self, datasets: DatasetRepository, rules: QualityRuleRepository, validations: QualityValidationRepository
    ) -> None:
        self._datasets, self._rules, self._validations = datasets, rules, validations

    def hold(self, unit: UnitOfWork, dataset: Dataset) -> None:
        """Keeps a version back until its rules have been run; the dataset's row is locked."""
        self._validations.set_gate(unit, dataset.id, dataset.version.number, state=CHECKING, reason="")

    def judge(self, unit: UnitOfWork, dataset: Dataset, validation: Validation, results: Sequence[Any]) -> str:
        """Opens or closes the gate by the results of a validation, and says how it stands then."""
        version = validation.version
        gate = self._validations.gate(unit, dataset.id, version)
        reason = blame(validation.rules, results)
        needed = self._rules.blocking(unit, dataset.id)
        ran = [rule.rule_id for rule in validation.rules]
        state = gate_after(gate.state, gate.by is not None, reason, ran, needed)
        if state == gate.state and (state != QUARANTINED or gate.by is not None or reason == gate.reason):
            return state
        self._validations.set_gate(
            unit, dataset.id, version, state=state, reason=reason if state == QUARANTINED else ""
        )
        if state == QUARANTINED:
            metrics.QUARANTINES.inc()
            events.quarantined(unit, dataset, version, reason)
        elif state == PASSED and gate.state in (CHECKING, QUARANTINED):
            events.released(unit, dataset, version, "")
        return state

    def unjudged(self, unit: UnitOfWork, dataset: Dataset, version: int, reason: str) -> str:
        """Closes the gate of a version that waited for a validation which came to nothing."""
        gate = self._validations.gate(unit, dataset.id, version)
        if gate.state != CHECKING:
            return gate.state
        self._validations.set_gate(unit, dataset.id, version, state=QUARANTINED, reason=reason)
        metrics.QUARANTINES.inc()
        events.quarantined(unit, dataset, version, reason)
        return QUARANTINED

    def release(self, unit: UnitOfWork, dataset_id: UUID, version: int, reason: str, user_id: UUID | None) -> Dataset:
        """Lets a version go that is kept back; raises ``NotFound``, ``GateOpen`` when it is not."""
        dataset = self._locked(unit, dataset_id, version)
        gate = self._validations.gate(unit, dataset_id, version)
        if gate.state not in (CHECKING, QUARANTINED):
            raise not_quarantined(dataset_id, version)
        self._validations.set_gate(unit, dataset_id, version, state=RELEASED, reason=reason, by=user_id)
        events.released(unit, dataset, version, reason)
        return self._locked(unit, dataset_id, version)

    def quarantine(
        self, unit: UnitOfWork, dataset_id: UUID, version: int, reason: str, user_id: UUID | None
    ) -> Dataset:
        """Keeps a version back; raises ``NotFound``, ``NotReady``."""
        dataset = self._locked(unit, dataset_id, version)
        dataset.version.require_ready(dataset_id)
        self._validations.set_gate(unit, dataset_id, version, state=QUARANTINED, reason=reason, by=user_id)
        metrics.QUARANTINES.inc()
        events.quarantined(unit, dataset, version, reason)
        return self._locked(unit, dataset_id, version)

    def _locked(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Dataset:
        locked = self._datasets.lock(unit, dataset_id)
        found = self._datasets.find(unit, dataset_id, version)
        if locked is None or found is None:
            raise missing(dataset_id, version)
        return found
