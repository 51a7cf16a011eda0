"""Writes the call into the audit ledger: with the change it makes, or on its own when it was refused or failed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from raia.options.v1 import options_pb2

from raia_kit.context import Call
from raia_kit.contract import Access
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Cancelled, Kind, RaiaError
from raia_kit.metadata import AUDIT_ID
from raia_kit.metrics import AUDIT_FAILURES
from raia_kit.resources import field_value
from raia_kit.status import as_raia_error

_LOG = logging.getLogger(__name__)
_DENIED_ACTION = "access.denied"
_UNRECORDED = frozenset({"RATE_LIMITED", "TOO_MANY_STREAMS", "IDEMPOTENCY_KEY_RUNNING", "SHUTTING_DOWN"})
"""Refusals that changed nothing and that a caller could otherwise flood the ledger with."""
_NO_DATABASE = frozenset({"DATABASE_UNAVAILABLE", "DATABASE_BUSY", "STORAGE_FULL"})
"""Faults that would keep the entry from being written too."""
_MADE = (options_pb2.EFFECT_CREATED, options_pb2.EFFECT_STARTED)


class AuditRecorder:
    """Makes the audit entries of one service's calls."""

    def __init__(self, service: str, database: Database | None) -> None:
        self._service = service
        self._database = database

    def applies(self, call: Call) -> bool:
        """Whether a successful call gets an entry: its contract names an action and its organisation is known."""
        return bool(call.method.audit_action) and self._database is not None and _ledger(call) is not None

    def record(self, call: Call, unit: UnitOfWork, answer: Message | None) -> None:
        """Writes the entry of a call that succeeds into its own transaction and names it in the trailers."""
        resource_type, resource_id = _resource(call, answer)
        details = _details(call)
        made = str(getattr(answer, "id", "") or "")
        if call.method.effect in _MADE and made and made != resource_id:
            details.setdefault("created_id", made)
        entry = unit.audit(
            call.method.audit_action,
            resource_type=resource_type,
            resource_id=resource_id,
            details=details,
            org_id=_ledger(call) if unit.org_id is None else None,
        )
        call.trailers[AUDIT_ID] = str(entry)

    def record_alone(self, call: Call, error: RaiaError) -> None:
        """Writes the entry of a call that was refused or failed, in a transaction of its own.

        A ledger that cannot be reached then is logged and counted, and does not change the call's answer.
        """
        org_id = _ledger(call)
        if self._database is None or org_id is None:
            return
        if error.reason in _NO_DATABASE:
            AUDIT_FAILURES.labels(self._service).inc()
            return
        action = call.method.audit_action or _DENIED_ACTION
        details = _details(call)
        if action == _DENIED_ACTION:
            details["rpc"] = call.method.full_name
        details.update({key: value for key, value in error.metadata.items() if key not in details})
        resource_type, resource_id = _resource(call, None)
        outcome = "denied" if error.kind is Kind.PERMISSION_DENIED else "failed"
        try:
            with self._database.unit_of_work(org_id, actor=call.actor) as unit:
                entry = unit.audit(
                    action,
                    resource_type=resource_type,
                    resource_id=resource_id,
                    outcome=outcome,
                    reason=error.reason,
                    details=details,
                )
            call.trailers[AUDIT_ID] = str(entry)
        except Exception:
            AUDIT_FAILURES.labels(self._service).inc()
            _LOG.exception("audit entry lost", extra={"facts": {"action": action, "outcome": outcome}})

    @contextmanager
    def stage(self, call: Call) -> Iterator[None]:
        """The stage: every denied call is recorded, and every failed one whose contract names an action."""
        try:
            yield
        except Exception as error:
            raia = as_raia_error(error)
            denied = raia.kind is Kind.PERMISSION_DENIED
            if raia.reason not in _UNRECORDED and (denied or call.method.audit_action):
                self.record_alone(call, raia)
            raise
        except GeneratorExit:
            if call.method.audit_action and call.method.mutating:
                self.record_alone(call, Cancelled("the client went away", reason="CANCELLED"))
            raise


def _ledger(call: Call) -> UUID | None:
    """The organisation whose ledger tells of the call; a public rpc's token says nothing about whom it concerns."""
    if call.method.access is Access.PUBLIC or call.caller is None or call.caller.org_id is None:
        return call.audit_org_id
    return call.caller.org_id


def _resource(call: Call, answer: Message | None) -> tuple[str, str]:
    method = call.method
    resource_type = call.audit_resource_type or method.resource_type or method.audit_action.partition(".")[0]
    resource_id = call.audit_resource_id
    if not resource_id and method.resource_field and call.request is not None:
        resource_id = field_value(call.request, method.resource_field)
    if not resource_id and answer is not None:
        resource_id = str(getattr(answer, "id", "") or "")
    return resource_type, resource_id


def _details(call: Call) -> dict[str, Any]:
    details = dict(call.audit_details)
    if call.client_address:
        details.setdefault("client_address", call.client_address)
    return details
