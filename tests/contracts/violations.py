"""Makes, for a request message, values that break one of its constraints, read from the contract itself."""

from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]


def violating_value(field: FieldDescriptor) -> Any | None:
    """A JSON value that the field's rules refuse, or None when it has none that can be broken."""
    constraint = rules(field)
    kind = constraint.WhichOneof("type")
    if kind is None:
        return None
    rule = getattr(constraint, kind)
    if field.is_repeated:
        if rule.HasField("min_items"):
            return []
        item = rule.items.string
        return ["x" * 5000] if item.uuid or item.HasField("max_len") else None
    if kind == "string":
        return _violating_string(rule)
    if kind in ("int32", "int64"):
        return -1 if rule.HasField("gte") and rule.gte >= 0 else None
    if kind == "double":
        return -5.0 if rule.HasField("gte") else None
    if kind == "duration":
        return "3600s"
    return None


def _violating_string(rule: validate_pb2.StringRules) -> str | None:
    if rule.uuid or rule.pattern or getattr(rule, "in") or rule.email:
        return "!not allowed!"
    if rule.HasField("max_len"):
        return "x" * (rule.max_len + 1)
    return "" if rule.HasField("min_len") else None


def first_violation(message: Descriptor, skip: set[str]) -> tuple[str, Any] | None:
    """Name and value of a field that can be broken; ``skip`` names fields that must stay as they are."""
    for field in message.fields:
        if field.name not in skip and (value := violating_value(field)) is not None:
            return field.name, value
    return None
