"""The constraints of buf.validate that JSON Schema can say."""

from collections.abc import Callable
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor

_FORMATS = {
    "uuid": "uuid",
    "email": "email",
    "uri": "uri",
    "uri_ref": "uri-reference",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
}
_BOUNDS = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
_SMALL = {"int32", "uint32", "sint32", "fixed32", "sfixed32", "float", "double"}


def rules_of(field: FieldDescriptor) -> Any:
    """The field's ``buf.validate`` rules, empty when it has none."""
    return field.GetOptions().Extensions[validate_pb2.field]


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without the field is refused: it is required, or its default breaks a rule."""
    rules = rules_of(field)
    if rules.required:
        return True
    if rules.ignore != validate_pb2.IGNORE_UNSPECIFIED or field.has_presence:
        return False
    kind = rules.WhichOneof("type")
    refuses = _REFUSES_DEFAULT.get("number" if kind in _SMALL else kind)
    return bool(refuses is not None and refuses(getattr(rules, kind)))


def _refuses_empty_text(rule: Any) -> bool:
    allowed = list(getattr(rule, "in"))
    known = rule.WhichOneof("well_known") in _FORMATS
    return bool(rule.min_len or rule.len or rule.const or known or (allowed and "" not in allowed))


_REFUSES_DEFAULT: dict[str | None, Callable[[Any], bool]] = {
    "string": _refuses_empty_text,
    "bytes": lambda rule: bool(rule.min_len),
    "repeated": lambda rule: bool(rule.min_items),
    "map": lambda rule: bool(rule.min_pairs),
    "number": lambda rule: (rule.HasField("gt") and rule.gt >= 0) or (rule.HasField("gte") and rule.gte > 0),
}
"""By kind of rules, whether the value of an unset field breaks them."""


def schema_rules(field: FieldDescriptor) -> dict[str, Any]:
    """JSON Schema keywords for one value of the field (of its whole array or map if it is one)."""
    return _keywords(rules_of(field))


def _keywords(rules: Any) -> dict[str, Any]:
    kind = rules.WhichOneof("type")
    if kind is None or rules.ignore == validate_pb2.IGNORE_ALWAYS:
        return {}
    if kind in _SMALL:
        return _numbers(getattr(rules, kind))
    make: Callable[[Any], dict[str, Any]] | None = {
        "string": _strings,
        "bytes": _bytes,
        "repeated": _arrays,
        "map": _maps,
        "bool": lambda rule: {"const": rule.const} if rule.HasField("const") else {},
    }.get(kind)
    found = make(getattr(rules, kind)) if make is not None else {}
    if found and kind == "string" and rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE:
        return {"anyOf": [{"maxLength": 0}, found]}
    return found


def _strings(rule: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, keyword in (("min_len", "minLength"), ("max_len", "maxLength"), ("const", "const")):
        if rule.HasField(name):
            found[keyword] = getattr(rule, name)
    if rule.HasField("len"):
        found["minLength"] = found["maxLength"] = rule.len
    if rule.HasField("pattern"):
        found["pattern"] = rule.pattern
    allowed = list(getattr(rule, "in"))
    if allowed:
        found["enum"] = allowed
    for name, spelling in _FORMATS.items():
        if rule.WhichOneof("well_known") == name:
            found["format"] = spelling
    return found


def _bytes(rule: Any) -> dict[str, Any]:
    # Lengths are of the bytes, four characters of base64 for each three of them.
    return {"maxLength": (rule.max_len + 2) // 3 * 4} if rule.HasField("max_len") else {}


def _numbers(rule: Any) -> dict[str, Any]:
    found = {keyword: value for name, keyword in _BOUNDS.items() if (value := _number(rule, name)) is not None}
    if "const" in {field.name for field, _ in rule.ListFields()}:
        found["const"] = rule.const
    allowed = list(getattr(rule, "in"))
    if allowed:
        found["enum"] = allowed
    return found


def _number(rule: Any, name: str) -> Any:
    return getattr(rule, name) if rule.HasField(name) else None


def _arrays(rule: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rule.HasField("min_items"):
        found["minItems"] = rule.min_items
    if rule.HasField("max_items"):
        found["maxItems"] = rule.max_items
    if rule.unique:
        found["uniqueItems"] = True
    if rule.HasField("items"):
        items = _keywords(rule.items)
        if items:
            found["items"] = items
    return found


def _maps(rule: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rule.HasField("min_pairs"):
        found["minProperties"] = rule.min_pairs
    if rule.HasField("max_pairs"):
        found["maxProperties"] = rule.max_pairs
    if rule.HasField("keys"):
        names = _keywords(rule.keys)
        if names:
            found["propertyNames"] = names
    if rule.HasField("values"):
        values = _keywords(rule.values)
        if values:
            found["additionalProperties"] = values
    return found
