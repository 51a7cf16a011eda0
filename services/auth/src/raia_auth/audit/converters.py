"""Ledger entries as protobuf messages, and facts from the events that report them."""

from datetime import UTC
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value
from raia.auth.v1 import audit_pb2
from raia.platform.events.v1 import audit_events_pb2

from raia_auth.audit.domain import Entry, Fact, Verification, plain


def to_proto(entry: Entry) -> audit_pb2.AuditEntry:
    """The entry as callers see it."""
    fact = entry.fact
    result = audit_pb2.AuditEntry(
        id=str(fact.id),
        place=entry.place,
        service=fact.service,
        actor_user_id=fact.actor_user_id,
        actor_service=fact.actor_service,
        action=fact.action,
        resource_type=fact.resource_type,
        resource_id=fact.resource_id,
        outcome=fact.outcome,
        reason=fact.reason,
        request_id=fact.request_id,
        hash=entry.hash.hex(),
        previous_hash=entry.previous_hash.hex(),
    )
    result.occurred_at.FromDatetime(fact.occurred_at)
    json_format.ParseDict(dict(fact.details), result.details)
    return result


def to_fact(event: audit_events_pb2.AuditEntryRecorded) -> Fact:
    """What the event reports; raises ``ValueError`` when its ids are none."""
    return Fact(
        id=UUID(event.id),
        org_id=UUID(event.org_id),
        service=plain(event.service),
        actor_user_id=plain(event.actor_user_id),
        actor_service=plain(event.actor_service),
        action=plain(event.action),
        resource_type=plain(event.resource_type),
        resource_id=plain(event.resource_id),
        outcome=plain(event.outcome),
        reason=plain(event.reason),
        request_id=plain(event.request_id),
        occurred_at=event.occurred_at.ToDatetime(UTC),
        details=plain(_struct(event.details)),
    )


def _struct(struct: Struct) -> dict[str, Any]:
    """The values of a struct; unlike proto3 JSON it lets NaN and infinities pass, which a service may have recorded."""
    return {name: _value(value) for name, value in struct.fields.items()}


def _value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _struct(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case None | "null_value":
            return None
        case kind:
            return getattr(value, kind)


def verification_to_proto(found: Verification) -> audit_pb2.LedgerVerification:
    """What a check of a ledger found, made now."""
    result = audit_pb2.LedgerVerification(
        intact=found.intact,
        entries_checked=found.entries_checked,
        first_broken_place=found.first_broken_place,
        finding=found.finding,
        head_hash=found.head_hash.hex(),
    )
    result.verified_at.GetCurrentTime()
    return result
