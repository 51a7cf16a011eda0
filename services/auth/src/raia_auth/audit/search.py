"""What filters, orders and searches of the ledger stand for in its table."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from raia.auth.v1 import audit_pb2, audit_service_pb2
from raia_kit.errors import InvalidArgument
from raia_kit.filtering import QueryFields
from raia_kit.pagination import Page, list_page, paginate
from sqlalchemy import ColumnElement, Select, and_
from sqlalchemy.orm import Session

from raia_auth.audit.tables import ledger_entry

_T = ledger_entry.c
_NEWEST_FIRST = "place desc"
FIELDS = QueryFields(
    audit_pb2.AuditEntry.DESCRIPTOR,
    {
        "id": _T.id,
        "place": _T.place,
        "occurred_at": _T.occurred_at,
        "service": _T.service,
        "actor_user_id": _T.actor_user_id,
        "actor_service": _T.actor_service,
        "action": _T.action,
        "resource_type": _T.resource_type,
        "resource_id": _T.resource_id,
        "outcome": _T.outcome,
        "reason": _T.reason,
        "request_id": _T.request_id,
    },
)


def listed(session: Session, entries: Select[Any], request: audit_service_pb2.ListAuditLogsRequest) -> Page:
    """A page of entries under the request's filter and order, last place first unless ordered otherwise."""
    return list_page(session, entries, FIELDS, request, default_order=_NEWEST_FIRST)


def searched(session: Session, entries: Select[Any], request: audit_service_pb2.SearchAuditLogsRequest) -> Page:
    """A page of entries that meet every condition of the request, last place first."""
    asked = audit_service_pb2.SearchAuditLogsRequest()
    asked.CopyFrom(request)
    asked.ClearField("page_token")
    asked.ClearField("page_size")
    return paginate(
        session,
        entries.where(_conditions(request)),
        FIELDS.order("", _NEWEST_FIRST),
        page_size=request.page_size,
        page_token=request.page_token,
        query=asked.SerializeToString(deterministic=True).hex(),
    )


def _conditions(request: audit_service_pb2.SearchAuditLogsRequest) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [_T.place > 0]
    if request.HasField("start_time"):
        conditions.append(_T.occurred_at >= _moment("start_time", request.start_time))
    if request.HasField("end_time"):
        conditions.append(_T.occurred_at < _moment("end_time", request.end_time))
    if request.action.endswith(".*"):
        # Names are compared byte by byte, so a prefix is a range of the index: "dataset." up to "dataset/".
        prefix = _text("action", request.action)[:-1]
        conditions.append(and_(_T.action >= prefix, _T.action < prefix[:-1] + chr(ord(".") + 1)))
    elif request.action:
        conditions.append(_T.action == _text("action", request.action))
    for name in ("actor_user_id", "resource_type", "resource_id", "outcome"):
        value = getattr(request, name)
        if value:
            conditions.append(_T[name] == _text(name, value))
    return and_(*conditions)


def _moment(field: str, timestamp: Timestamp) -> datetime:
    try:
        return timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument.of_field(field, "must lie in the years 1 to 9999") from error


def _text(field: str, value: str) -> str:
    if "\x00" in value:
        raise InvalidArgument.of_field(field, "must not contain the character NUL")
    return value.lower() if field == "actor_user_id" else value
