"""Explanations between the domain and the contract."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import ParseDict
from raia.explain.v1 import explanation_pb2

from raia_explain.explanations.domain import SHAP, Explanation

_OF_SHAP = ("method", "margin_scale", "precision", "base_value", "additivity_error", "row_count")
_OF_IMPORTANCE = ("score", "features", "row_count")
_MISSING = struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)


def to_shap(explanation: Explanation, result: Mapping[str, Any] | None) -> explanation_pb2.ShapExplanation:
    """SHAP values as the contract has them."""
    subject = explanation.subject
    message = explanation_pb2.ShapExplanation(
        id=str(explanation.id),
        status=explanation.status,
        progress=explanation.progress,
        error=explanation.error,
        model_id=str(subject.model_id),
        version=subject.version,
        digest=subject.digest,
        dataset_id=str(subject.dataset_id),
        dataset_version=subject.dataset_version,
        scope="rows" if subject.rows else "global",
        explained_class=subject.explained_class,
        duration_ms=explanation.duration_ms,
    )
    _dates(explanation, message)
    if result is not None:
        for name in _OF_SHAP:
            setattr(message, name, result[name])
        _add(message.features, result["features"])
        for row in result["rows"]:
            _add(
                message.rows.add(row=row["row"], margin=row["margin"], prediction=_value(row["prediction"])).features,
                row["features"],
            )
    return message


def to_importance(explanation: Explanation, result: Mapping[str, Any] | None) -> explanation_pb2.FeatureImportance:
    """Feature importance as the contract has it."""
    subject = explanation.subject
    message = explanation_pb2.FeatureImportance(
        id=str(explanation.id),
        status=explanation.status,
        progress=explanation.progress,
        error=explanation.error,
        model_id=str(subject.model_id),
        version=subject.version,
        digest=subject.digest,
        method=subject.method,
    )
    _dates(explanation, message)
    if result is not None:
        told = _importance_of_shap(result) if subject.method == SHAP else result
        ParseDict({name: told[name] for name in _OF_IMPORTANCE if name in told}, message)
    return message


def _add(features: Any, told: Iterable[Mapping[str, Any]]) -> None:
    # Tens of thousands of these fit one answer: a general parser of JSON would take most of a second for them.
    for each in told:
        found = features.add(feature=each["feature"], attribution=each["attribution"])
        if "feature_value" in each:
            found.feature_value.CopyFrom(_value(each["feature_value"]))


def _value(value: bool | float | str | None) -> struct_pb2.Value:
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    return struct_pb2.Value(string_value=value) if isinstance(value, str) else struct_pb2.Value(number_value=value)


def _importance_of_shap(result: Mapping[str, Any]) -> dict[str, Any]:
    """A summary of SHAP values told as feature importance."""
    features = [
        {"feature": each["feature"], "importance": each["attribution"], "standard_deviation": 0.0}
        for each in result["features"]
    ]
    return {"row_count": result["row_count"], "features": features}


def _dates(
    explanation: Explanation, message: explanation_pb2.ShapExplanation | explanation_pb2.FeatureImportance
) -> None:
    message.created_at.FromDatetime(explanation.created_at)
    if explanation.completed_at is not None:
        message.completed_at.FromDatetime(explanation.completed_at)
