"""The rpcs of ExplanationService."""

from uuid import UUID

import grpc
from google.protobuf.duration_pb2 import Duration
from raia.explain.v1 import explanation_pb2, explanation_service_pb2, explanation_service_pb2_grpc
from raia_kit.context import current_call

from raia_explain.explanations.converters import to_importance, to_shap
from raia_explain.explanations.service import ExplanationService

_WAIT_SECONDS = 2.0


class ExplanationServicer(explanation_service_pb2_grpc.ExplanationServiceServicer):
    """SHAP values and feature importance."""

    def __init__(self, explanations: ExplanationService) -> None:
        self._explanations = explanations

    def GetShapExplanation(
        self, request: explanation_service_pb2.GetShapExplanationRequest, _context: grpc.ServicerContext
    ) -> explanation_pb2.ShapExplanation:
        """SHAP values, started if there are none."""
        found = self._explanations.shap(
            current_call(),
            model_id=UUID(request.model_id),
            version=request.version,
            rows=tuple(request.rows),
            dataset_id=UUID(request.dataset_id) if request.dataset_id else None,
            dataset_version=request.dataset_version,
            explained_class=request.explained_class,
            seconds=_seconds(request.wait if request.HasField("wait") else None),
        )
        return to_shap(*found)

    def GetFeatureImportance(
        self, request: explanation_service_pb2.GetFeatureImportanceRequest, _context: grpc.ServicerContext
    ) -> explanation_pb2.FeatureImportance:
        """Feature importance, started if there is none."""
        found = self._explanations.importance(
            current_call(),
            model_id=UUID(request.model_id),
            version=request.version,
            method=request.method,
            seconds=_seconds(request.wait if request.HasField("wait") else None),
        )
        return to_importance(*found)


def _seconds(wait: Duration | None) -> float:
    return _WAIT_SECONDS if wait is None else wait.ToTimedelta().total_seconds()
