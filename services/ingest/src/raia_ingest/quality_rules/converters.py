"""Data quality rules between the domain and the contract."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from raia.ingest.v1 import quality_rule_pb2, quality_rule_service_pb2

from raia_ingest.quality_rules.domain import Rule, RuleSpec, spec_of

_FIELDS = ("name", "description", "check", "severity", "enabled", "gates", "tolerance", "schedule")


def to_proto(rule: Rule) -> quality_rule_pb2.QualityRule:
    """The rule as the contract has it."""
    spec = rule.spec
    message = quality_rule_pb2.QualityRule(
        id=str(rule.id),
        dataset_id=str(rule.dataset_id),
        name=spec.name,
        description=spec.description,
        kind=spec.kind,
        severity=spec.severity,
        enabled=spec.enabled,
        gates=spec.gates,
        tolerance=spec.tolerance,
        schedule=spec.schedule,
        created_by=str(rule.created_by or ""),
        etag=rule.etag,
    )
    ParseDict(dict(spec.check), message.check)
    message.created_at.FromDatetime(rule.created_at)
    message.updated_at.FromDatetime(rule.updated_at)
    return message


def spec_to_proto(document: Mapping[str, Any]) -> quality_rule_pb2.QualityRuleSpec:
    """A rule, as ``RuleSpec.document`` has it, as the contract has it."""
    return ParseDict(dict(document), quality_rule_pb2.QualityRuleSpec(), ignore_unknown_fields=True)


def from_proto(message: Message) -> RuleSpec:
    """The rule that a message with the fields of a ``QualityRuleSpec`` states."""
    return spec_of(_written(message))


def changed(spec: RuleSpec, request: quality_rule_service_pb2.UpdateQualityRuleRequest) -> RuleSpec:
    """The rule with the request's changes: the fields that its mask names, else those that are present."""
    paths = list(request.update_mask.paths) or [name for name in _FIELDS if request.HasField(name)]  # type: ignore[arg-type]  # names of its fields
    written: dict[str, Any] = {name: getattr(spec, name) for name in _FIELDS}
    present = _written(request)
    for path in paths:
        if path in present:
            written[path] = present[path]
        elif path not in ("name", "check", "severity"):
            written.pop(path)
    return spec_of(written)


def _written(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return {name: value for name, value in found.items() if name in _FIELDS}
