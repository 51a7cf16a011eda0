"""Predictions between the domain and the contract."""

from typing import Any

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


def row_of(message: Struct) -> dict[str, Any]:
    """A struct as JSON values, numbers as float."""
    return {name: _value(value) for name, value in message.fields.items()}


def _value(message: Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return row_of(message.struct_value)
    if kind == "list_value":
        return [_value(each) for each in message.list_value.values]
    return None if kind in (None, "null_value") else getattr(message, kind)
