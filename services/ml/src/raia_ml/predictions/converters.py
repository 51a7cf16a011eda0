"""Predictions between the domain and the contract."""

from google.protobuf.struct_pb2 import Struct, Value
from raia.ml.v1 import prediction_service_pb2

from raia_ml.predictions.domain import Prediction


def to_proto(prediction: Prediction, model_id: str, row: Struct) -> prediction_service_pb2.ModelPrediction:
    """The prediction as the contract has it; ``row`` is the row as it was sent."""
    value = prediction.prediction
    message = prediction_service_pb2.ModelPrediction(
        id=str(prediction.id),
        model_id=model_id,
        input_data=row,
        prediction=Value(string_value=value) if isinstance(value, str) else Value(number_value=value),
        confidence=prediction.confidence,
        probabilities=prediction.probabilities,
        warnings=prediction.warnings,
    )
    message.timestamp.FromDatetime(prediction.timestamp)
    return message
