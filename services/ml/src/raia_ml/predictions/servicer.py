"""The rpc of PredictionService."""

from uuid import UUID

import grpc
from raia.ml.v1 import prediction_service_pb2, prediction_service_pb2_grpc
from raia_kit.context import current_call

from raia_ml.models.converters import plain
from raia_ml.predictions.converters import to_proto
from raia_ml.predictions.service import PredictionService


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predictions."""

    def __init__(self, predictions: PredictionService) -> None:
        self._predictions = predictions

    def Predict(
        self, request: prediction_service_pb2.PredictRequest, _context: grpc.ServicerContext
    ) -> prediction_service_pb2.PredictResponse:
        """Predicts for rows."""
        rows = [plain(row) for row in request.rows]
        version, found = self._predictions.predict(current_call(), UUID(request.model_id), request.version, rows)
        return prediction_service_pb2.PredictResponse(
            model_id=request.model_id,
            version=version,
            predictions=[to_proto(each, request.model_id, row) for each, row in zip(found, request.rows, strict=True)],
        )
