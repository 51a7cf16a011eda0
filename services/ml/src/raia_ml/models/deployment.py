"""Putting versions into production and taking them out: the only code that moves the production pointer."""

from uuid import UUID

from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork

from raia_ml.errors import GateRefused, changed, missing, not_deployed, not_ready
from raia_ml.gates.domain import Verdict
from raia_ml.gates.gate import Gate
from raia_ml.models import events
from raia_ml.models.domain import Deployment, Model, Version
from raia_ml.models.repository import ModelRepository


class DeploymentService:
    """Deploys and retires models."""

    def __init__(self, database: Database, models: ModelRepository, gate: Gate) -> None:
        self._database, self._models, self._gate = database, models, gate

    def deploy(self, call: Call, model_id: UUID, version: int, etag: str) -> Model:
        """Puts a version (the latest when 0) into production.

        What the gate refuses is recorded in a transaction of its own, before the refusal is raised. What it allows is
        decided once more in the final one, under locks, beside the swap. A version that is in production already stays
        there. Raises ``GateRefused``, ``NotFound``, ``NotReady``, ``EtagMismatch``.
        """
        refused: Verdict | None = None
        with self._database.unit_of_work(call.org_id) as unit:
            model, chosen, current = self._lock(unit, model_id, version, etag)
            if current.production_version != chosen.number:
                verdict = self._gate.evaluate(unit, model_id, chosen, lock=True)
                if not verdict.allowed:
                    refused = self._gate.record(unit, verdict)
                    events.refused(unit, model, refused)
        if refused is not None:
            raise self._refusal(call, model, refused)
        return self._swap(call, final_unit(), model_id, chosen.number, etag)

    def retire(self, call: Call, unit: UnitOfWork, model_id: UUID, reason: str, etag: str) -> Model:
        """Takes the version in production out of it; raises ``NotReady`` when there is none, ``EtagMismatch``."""
        model = self._models.lock(unit, model_id)
        current = self._models.lock_deployment(unit, model_id)
        if model is None or current is None:
            raise missing(model_id, 0)
        if etag and not model.has_etag(etag):
            raise changed(model.etag)
        if current.production_version is None:
            raise not_deployed(model_id, "there is nothing to take out of it")
        self._models.swap(unit, current, None, None, reason)
        events.retired(unit, model, current.production_version)
        call.audit_details.update({"version": current.production_version, "reason": reason})
        return self._found(unit, model_id)

    def _swap(self, call: Call, unit: UnitOfWork, model_id: UUID, version: int, etag: str) -> Model:
        model, chosen, current = self._lock(unit, model_id, version, etag)
        call.audit_details.update({"version": chosen.number, "digest": chosen.digest})
        if current.production_version == chosen.number:
            return self._found(unit, model_id)
        verdict = self._gate.evaluate(unit, model_id, chosen, lock=True)
        if not verdict.allowed:
            # Policy or evidence changed between the two transactions. This one is rolled back, so the refusal goes
            # into another; nothing that it writes waits for what is locked here.
            with self._database.unit_of_work(call.org_id) as apart:
                refused = self._gate.record(apart, verdict)
                events.refused(apart, model, refused)
            raise self._refusal(call, model, refused)
        recorded = self._gate.record(unit, verdict)
        self._models.swap(unit, current, chosen, recorded.id)
        events.deployed(unit, model, recorded, current.production_version)
        call.audit_details.update(
            {
                "verdict_id": str(recorded.id),
                "policy_version": recorded.policy_version,
                "previous_version": current.production_version or 0,
            }
        )
        return self._found(unit, model_id)

    def _lock(self, unit: UnitOfWork, model_id: UUID, version: int, etag: str) -> tuple[Model, Version, Deployment]:
        """The model, the chosen version, the locked pointer. Every writer locks model, then pointer."""
        locked = self._models.lock(unit, model_id)
        current = self._models.lock_deployment(unit, model_id)
        if locked is None or current is None:
            raise missing(model_id, version)
        if locked.latest_version == 0:
            raise not_ready(model_id)
        if etag and not locked.has_etag(etag):
            raise changed(locked.etag)
        found = self._models.find(unit, model_id, version or locked.latest_version)
        if found is None or found.version is None:
            raise missing(model_id, version)
        return found, found.version, current

    def _found(self, unit: UnitOfWork, model_id: UUID) -> Model:
        found = self._models.find(unit, model_id)
        if found is None:
            raise missing(model_id, 0)
        return found

    def _refusal(self, call: Call, model: Model, verdict: Verdict) -> GateRefused:
        call.audit_details.update(
            {"version": verdict.version, "digest": verdict.digest, "verdict_id": str(verdict.id or "")}
        )
        reasons = " ".join(check.message for check in verdict.checks if not check.passed)
        return GateRefused(
            f"policy version {verdict.policy_version} refuses version {verdict.version} of {model.name}: {reasons}",
            reason="GATE_REFUSED",
            metadata={
                "verdict_id": str(verdict.id or ""),
                "failed": ",".join(verdict.failed),
                "policy_version": str(verdict.policy_version),
                "version": str(verdict.version),
            },
        )
