"""Use cases of policies, evidence and verdicts."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from raia_kit.context import Call
from raia_kit.database import UnitOfWork
from raia_kit.errors import AlreadyExists

from raia_ml.errors import DOMAIN, DigestMismatch, changed, missing, not_ready
from raia_ml.gates.domain import DEFAULT_MINIMUM, Evidence, Policy, Verdict
from raia_ml.gates.gate import Gate
from raia_ml.gates.repository import GateRepository
from raia_ml.models import events
from raia_ml.models.repository import ModelRepository


@dataclass(frozen=True)
class Report:
    """Evidence as the service that made it hands it over."""

    model_id: UUID
    version: int
    digest: str
    kind: str
    report_id: UUID
    report_digest: str
    figures: dict[str, Any]
    withdraw: bool


class ReportReused(AlreadyExists):
    """The report's id belongs to another report."""

    domain = DOMAIN


class GateService:
    """Policies, evidence, verdicts and dry runs of the gate."""

    def __init__(self, gates: GateRepository, models: ModelRepository, gate: Gate) -> None:
        self._gates, self._models, self._gate = gates, models, gate

    def policy(self, unit: UnitOfWork) -> Policy:
        """The organisation's policy; version 0 when it set none."""
        return self._gates.policy(unit)

    def replace_policy(
        self, call: Call, unit: UnitOfWork, attributes: tuple[str, ...], minimum: float | None, etag: str
    ) -> Policy:
        """Makes a new version of the policy; raises ``EtagMismatch``."""
        current = self._gates.policy(unit, lock="update")
        if etag and etag != current.etag:
            raise changed(current.etag)
        limit = DEFAULT_MINIMUM if minimum is None else minimum
        made = self._gates.replace_policy(unit, attributes, limit, unit.actor.user_id)
        if etag and made.version != current.version + 1:
            # The organisation's first policy has no row that could have been locked: another call made it meanwhile.
            raise changed(str(made.version - 1))
        call.audit_details.update(
            {
                "version": made.version,
                "protected_attributes": list(attributes),
                "minimum_disparate_impact": limit,
            }
        )
        return made

    def dry_run(self, unit: UnitOfWork, model_id: UUID, version: int) -> Verdict:
        """What the gate would say of a version, the latest when 0; raises ``NotFound``, ``NotReady``."""
        found = self._models.find(unit, model_id, version)
        if found is not None and not version and found.latest_version:
            found = self._models.find(unit, model_id, found.latest_version)
        if found is None:
            raise missing(model_id, version)
        if found.version is None:
            raise not_ready(model_id)
        return self._gate.evaluate(unit, model_id, found.version)

    def record(self, unit: UnitOfWork, report: Report) -> Evidence:
        """Keeps, or withdraws, the evidence of a report; the same report again gives the first record.

        Waits for a swap of the model that is under way. Raises ``NotFound``, ``DigestMismatch``, and ``ReportReused``
        when the id was used for other content.
        """
        if self._models.lock(unit, report.model_id) is None:
            raise missing(report.model_id, 0)
        self._models.lock_deployment(unit, report.model_id)
        found = self._gates.find_evidence(unit, report.report_id, lock=True)
        if found is None:
            found = self._add(unit, report)
        self._check_same(found, report)
        if report.withdraw and found.withdrawn_at is None:
            self._gates.withdraw(unit, found.id)
            found = self._gates.find_evidence(unit, report.report_id) or found
        return found

    def evidence(self, unit: UnitOfWork, model_id: UUID, size: int, token: str) -> tuple[list[Evidence], str]:
        """A page of a model's evidence, newest first, and the token of the next."""
        return self._gates.evidence_page(unit, model_id, size, token)

    def verdicts(self, unit: UnitOfWork, model_id: UUID, size: int, token: str) -> tuple[list[Verdict], str]:
        """A page of a model's verdicts, newest first, and the token of the next."""
        return self._gates.verdict_page(unit, model_id, size, token)

    def _add(self, unit: UnitOfWork, report: Report) -> Evidence:
        model = self._models.find(unit, report.model_id, report.version)
        if model is None or model.version is None or report.withdraw:
            raise missing(report.model_id, report.version)
        if model.version.digest != report.digest:
            raise DigestMismatch(
                f"version {report.version} has the digest {model.version.digest}, not the one that was examined",
                reason="DIGEST_MISMATCH",
                metadata={"version": str(report.version)},
            )
        made = self._gates.add_evidence(
            unit,
            {
                "kind": report.kind,
                "model_id": report.model_id,
                "version": report.version,
                "digest": report.digest,
                "report_id": report.report_id,
                "report_digest": report.report_digest,
                "figures": report.figures,
                "recorded_by": unit.actor.service or "",
            },
        )
        if made is None:
            raise self._reused(report)
        events.evidence_recorded(unit, report.model_id, report.version, report.kind, report.report_id)
        return made

    def _check_same(self, found: Evidence, report: Report) -> None:
        same = (found.model_id, found.version, found.digest, found.kind, found.report_digest)
        if same != (report.model_id, report.version, report.digest, report.kind, report.report_digest):
            raise self._reused(report)

    @staticmethod
    def _reused(report: Report) -> ReportReused:
        return ReportReused(
            f"report {report.report_id} was recorded with other content: a changed report needs an id of its own",
            reason="REPORT_REUSED",
            metadata={"report_id": str(report.report_id)},
        )
