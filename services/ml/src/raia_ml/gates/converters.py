"""Policies, evidence and verdicts between the domain and the contract."""

from uuid import UUID

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from raia.ml.v1 import gate_pb2, gate_service_pb2
from raia_kit.errors import InvalidArgument

from raia_ml.gates.domain import Check, Evidence, Policy, Verdict
from raia_ml.gates.service import Report
from raia_ml.models.converters import struct


def policy_to_proto(policy: Policy) -> gate_pb2.DeploymentPolicy:
    """The policy as the contract has it."""
    message = gate_pb2.DeploymentPolicy(
        version=policy.version,
        protected_attributes=policy.protected_attributes,
        minimum_disparate_impact=policy.minimum_disparate_impact,
        updated_by=str(policy.updated_by or ""),
        etag=policy.etag,
    )
    if policy.updated_at is not None:
        message.updated_at.FromDatetime(policy.updated_at)
    return message


def verdict_to_proto(verdict: Verdict) -> gate_pb2.Verdict:
    """The verdict as the contract has it."""
    message = gate_pb2.Verdict(
        id=str(verdict.id or ""),
        model_id=str(verdict.model_id),
        version=verdict.version,
        digest=verdict.digest,
        allowed=verdict.allowed,
        policy_version=verdict.policy_version,
        checks=[_check(check) for check in verdict.checks],
        created_by=str(verdict.created_by or ""),
    )
    if verdict.created_at is not None:
        message.created_at.FromDatetime(verdict.created_at)
    return message


def evidence_to_proto(evidence: Evidence) -> gate_pb2.Evidence:
    """The evidence as the contract has it."""
    message = gate_pb2.Evidence(
        id=str(evidence.id),
        kind=evidence.kind,
        model_id=str(evidence.model_id),
        version=evidence.version,
        digest=evidence.digest,
        report_id=str(evidence.report_id),
        report_digest=evidence.report_digest,
        figures=struct(evidence.figures),
        withdrawn=evidence.withdrawn_at is not None,
    )
    message.created_at.FromDatetime(evidence.created_at)
    return message


def report_of(request: gate_service_pb2.RecordRequest) -> Report:
    """The report that a request carries; raises ``InvalidArgument`` for figures that are no finite numbers."""
    try:
        figures = MessageToDict(request.figures)
    except (SerializeToJsonError, ValueError) as error:
        raise InvalidArgument.of_field("figures", "numbers must be finite") from error
    return Report(
        model_id=UUID(request.model_id),
        version=request.version,
        digest=request.digest,
        kind=request.kind,
        report_id=UUID(request.report_id),
        report_digest=request.report_digest,
        figures=figures,
        withdraw=request.withdraw,
    )


def _check(check: Check) -> gate_pb2.GateCheck:
    return gate_pb2.GateCheck(
        name=check.name,
        passed=check.passed,
        value=check.value,
        limit=check.limit,
        margin=check.margin,
        report_id=str(check.report_id or ""),
        message=check.message,
    )
