"""The gate: puts policy and evidence together for one version."""

from uuid import UUID

from raia_kit.database import UnitOfWork

from raia_ml.gates.domain import Decisions, Verdict, judge
from raia_ml.gates.repository import GateRepository
from raia_ml.models.domain import Version


class Gate:
    """Decides whether a version may go into production."""

    def __init__(self, gates: GateRepository) -> None:
        self._gates = gates

    def evaluate(self, unit: UnitOfWork, model_id: UUID, version: Version, *, lock: bool = False) -> Verdict:
        """What the organisation's policy says of the version now.

        With ``lock``, policy and evidence stay as they are until the transaction ends; the model's production pointer
        must be locked first, since new evidence waits for it.
        """
        policy = self._gates.policy(unit, lock="share" if lock else "")
        evidence = self._gates.evidence_of(unit, model_id, version.digest, lock=lock)
        decisions = Decisions(
            favourable_class=str(version.training_data_info.get("favourable_class") or ""),
            classes=len(version.signature["classes"]),
        )
        return judge(
            policy,
            evidence,
            model_id=model_id,
            version=version.number,
            digest=version.digest,
            decisions=decisions,
        )

    def record(self, unit: UnitOfWork, verdict: Verdict) -> Verdict:
        """Keeps the verdict."""
        return self._gates.add_verdict(unit, verdict)
