"""Models between the domain and the contract."""

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct, Value
from raia.ml.v1 import model_pb2

from raia_ml.models.domain import Model, Version


def to_proto(model: Model, *, details: bool = True) -> model_pb2.Model:
    """The model as the contract has it; lists leave out signature, data facts and metadata, which may be large."""
    message = model_pb2.Model(
        id=str(model.id),
        name=model.name,
        type=model.type,
        status=model.status,
        created_by=str(model.created_by or ""),
        etag=model.etag,
        project_id=str(model.project_id or ""),
        production_version=model.production_version or 0,
        latest_version=model.latest_version,
    )
    message.created_at.FromDatetime(model.created_at)
    message.updated_at.FromDatetime(model.updated_at)
    if model.version is not None:
        _set_version(message, model.version, details)
    return message


def _set_version(message: model_pb2.Model, version: Version, details: bool) -> None:
    message.version = str(version.number)
    message.algorithm = version.algorithm
    message.framework = version.framework
    message.digest = version.digest
    message.training_run_id = str(version.training_run_id)
    if version.accuracy is not None:
        message.accuracy = version.accuracy
    message.metrics.extend(_metric(figure) for figure in version.metrics)
    if details:
        message.feature_names.extend(each["name"] for each in version.signature["inputs"])
        message.signature.CopyFrom(_signature(version.signature))
        message.training_data_info.CopyFrom(struct(version.training_data_info))
        message.metadata.CopyFrom(struct(version.metadata))


def struct(values: Mapping[str, Any]) -> Struct:
    """JSON values as a protobuf struct."""
    return ParseDict(dict(values), Struct())


def plain(message: Struct) -> dict[str, Any]:
    """A struct as JSON values, numbers as float; NaN and infinite ones too, which JSON lacks."""
    return {name: _plain(value) for name, value in message.fields.items()}


def _plain(message: Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return plain(message.struct_value)
    if kind == "list_value":
        return [_plain(value) for value in message.list_value.values]
    return None if kind in (None, "null_value") else getattr(message, kind)


def _metric(figure: Mapping[str, Any]) -> model_pb2.Metric:
    numbers = {name: math.nan if figure[name] is None else figure[name] for name in ("value", "lower", "upper")}
    return model_pb2.Metric(name=figure["name"], scope=figure["scope"], count=figure["count"], **numbers)


def _signature(signature: Mapping[str, Any]) -> model_pb2.Signature:
    message = model_pb2.Signature(classes=signature["classes"])
    for each in signature["inputs"]:
        spec = message.inputs.add(
            name=each["name"], kind=each["kind"], categories=each["categories"], nullable=each["nullable"]
        )
        if each["minimum"] is not None and each["maximum"] is not None:
            spec.minimum, spec.maximum = each["minimum"], each["maximum"]
    return message
