"""The rpcs of ModelService."""

from uuid import UUID

import grpc
from raia.ml.v1 import gate_pb2, model_pb2, model_service_pb2, model_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ml.gates.converters import verdict_to_proto
from raia_ml.gates.service import GateService
from raia_ml.models.converters import to_proto
from raia_ml.models.deployment import DeploymentService
from raia_ml.models.service import ModelService


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """List, look at, deploy and retire models."""

    def __init__(self, models: ModelService, deployments: DeploymentService, gates: GateService) -> None:
        self._models, self._deployments, self._gates = models, deployments, gates

    def ListModels(
        self, request: model_service_pb2.ListModelsRequest, _context: grpc.ServicerContext
    ) -> model_service_pb2.ListModelsResponse:
        """A page of models."""
        found, token = self._models.page(current_unit(), current_call().authenticated, request)
        return model_service_pb2.ListModelsResponse(
            models=[to_proto(model, details=False) for model in found], next_page_token=token
        )

    def GetModel(self, request: model_service_pb2.GetModelRequest, _context: grpc.ServicerContext) -> model_pb2.Model:
        """One model."""
        return to_proto(self._models.get(current_unit(), UUID(request.id), request.version))

    def ListModelVersions(
        self, request: model_service_pb2.ListModelVersionsRequest, _context: grpc.ServicerContext
    ) -> model_service_pb2.ListModelVersionsResponse:
        """A page of versions."""
        found, token = self._models.versions(
            current_unit(), UUID(request.model_id), request.page_size, request.page_token
        )
        return model_service_pb2.ListModelVersionsResponse(
            versions=[to_proto(model, details=False) for model in found], next_page_token=token
        )

    def DeployModel(
        self, request: model_service_pb2.DeployModelRequest, _context: grpc.ServicerContext
    ) -> model_pb2.Model:
        """Puts a version into production, if the gate allows it."""
        return to_proto(self._deployments.deploy(current_call(), UUID(request.id), request.version, request.etag))

    def RetireModel(
        self, request: model_service_pb2.RetireModelRequest, _context: grpc.ServicerContext
    ) -> model_pb2.Model:
        """Takes a model out of production."""
        return to_proto(
            self._deployments.retire(current_call(), current_unit(), UUID(request.id), request.reason, request.etag)
        )

    def EvaluateGate(
        self, request: model_service_pb2.EvaluateGateRequest, _context: grpc.ServicerContext
    ) -> gate_pb2.Verdict:
        """What the gate would say."""
        return verdict_to_proto(self._gates.dry_run(current_unit(), UUID(request.id), request.version))
