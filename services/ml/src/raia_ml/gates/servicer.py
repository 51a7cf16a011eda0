"""The rpcs of PolicyService and EvidenceService."""

from uuid import UUID

import grpc
from raia.ml.v1 import gate_pb2, gate_service_pb2, gate_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ml.gates.converters import evidence_to_proto, policy_to_proto, report_of, verdict_to_proto
from raia_ml.gates.service import GateService


class PolicyServicer(gate_service_pb2_grpc.PolicyServiceServicer):
    """The organisation's deployment policy."""

    def __init__(self, gates: GateService) -> None:
        self._gates = gates

    def GetDeploymentPolicy(
        self, request: gate_service_pb2.GetDeploymentPolicyRequest, _context: grpc.ServicerContext
    ) -> gate_pb2.DeploymentPolicy:
        """The policy."""
        return policy_to_proto(self._gates.policy(current_unit()))

    def UpdateDeploymentPolicy(
        self, request: gate_service_pb2.UpdateDeploymentPolicyRequest, _context: grpc.ServicerContext
    ) -> gate_pb2.DeploymentPolicy:
        """Replaces the policy."""
        minimum = request.minimum_disparate_impact if request.HasField("minimum_disparate_impact") else None
        attributes = tuple(request.protected_attributes)
        return policy_to_proto(
            self._gates.replace_policy(current_call(), current_unit(), attributes, minimum, request.etag)
        )


class EvidenceServicer(gate_service_pb2_grpc.EvidenceServiceServicer):
    """Evidence about model versions, and the verdicts that rest on it."""

    def __init__(self, gates: GateService) -> None:
        self._gates = gates

    def Record(self, request: gate_service_pb2.RecordRequest, _context: grpc.ServicerContext) -> gate_pb2.Evidence:
        """Keeps evidence."""
        return evidence_to_proto(self._gates.record(current_unit(), report_of(request)))

    def ListEvidence(
        self, request: gate_service_pb2.ListEvidenceRequest, _context: grpc.ServicerContext
    ) -> gate_service_pb2.ListEvidenceResponse:
        """A page of evidence."""
        found, token = self._gates.evidence(
            current_unit(), UUID(request.model_id), request.page_size, request.page_token
        )
        return gate_service_pb2.ListEvidenceResponse(
            evidence=[evidence_to_proto(each) for each in found], next_page_token=token
        )

    def ListVerdicts(
        self, request: gate_service_pb2.ListVerdictsRequest, _context: grpc.ServicerContext
    ) -> gate_service_pb2.ListVerdictsResponse:
        """A page of verdicts."""
        found, token = self._gates.verdicts(
            current_unit(), UUID(request.model_id), request.page_size, request.page_token
        )
        return gate_service_pb2.ListVerdictsResponse(
            verdicts=[verdict_to_proto(each) for each in found], next_page_token=token
        )
