"""Who calls, which rpc, under which request id: the facts of the call or job at hand."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.message import Message

from raia_kit.errors import RaiaError, Unauthenticated

if TYPE_CHECKING:
    from raia_kit.contract import MethodContract
    from raia_kit.database import UnitOfWork


@dataclass(frozen=True)
class Caller:
    """A verified token. ``service`` is the act claim: set when a service acts, for the user if ``user_id`` is set."""

    user_id: UUID | None
    org_id: UUID | None
    session_id: str | None = None
    service: str | None = None
    scope: frozenset[str] | None = None
    """Permissions an exchanged or scoped token is limited to; None for a user's own session."""
    job_id: str | None = None
    token: str = field(default="", repr=False)
    expires_at: float = 0.0


@dataclass(frozen=True)
class Actor:
    """On whose behalf something is written to the audit ledger and to events."""

    user_id: UUID | None = None
    service: str | None = None

    def __str__(self) -> str:
        """``user:<id>``, ``service:<name>``, or both joined by ``/``; ``anonymous`` when nobody is known."""
        parts = [f"user:{self.user_id}"] if self.user_id else []
        if self.service:
            parts.append(f"service:{self.service}")
        return "/".join(parts) or "anonymous"


@dataclass
class Call:
    """One rpc under way. Stages of the interceptor chain fill it from the outside in."""

    method: "MethodContract"
    request_id: str
    correlation_id: str
    metadata: Mapping[str, str]
    peer: str = ""
    deadline: float | None = None
    """``time.monotonic()`` value at which the call must be answered."""
    caller: Caller | None = None
    idempotency_key: str | None = None
    unit: "UnitOfWork | None" = None
    trailers: dict[str, str] = field(default_factory=dict)
    """Sent as trailing metadata: ``raia-audit-id`` and the like."""
    request: Message | None = None
    """The request of an rpc that has one; None for a stream of requests."""
    malformed: RaiaError | None = None
    """Why the request could not be parsed; raised once the caller may know."""
    client_address: str = ""
    """The address of the user's client as far as it is known, without a port."""
    code: str = "OK"
    """The gRPC code that the call ends with, by name; set by the errors stage."""
    error_reason: str = ""
    """The reason of the error that the call ends with."""
    is_active: Callable[[], bool] = lambda: True
    """False once the client has gone or the call was cancelled: what watches or waits should end then."""
    audit_details: dict[str, Any] = field(default_factory=dict)
    """JSON values, free of secrets, that the use case adds to the call's audit entry."""
    audit_resource_type: str = ""
    """Overrides the type that the contract names in the audit entry."""
    audit_resource_id: str = ""
    """Overrides the id that the audit entry takes from the request or from the answer's ``id``."""
    audit_org_id: UUID | None = None
    """Whose ledger the entry of a public rpc goes to, once its use case knows (a sign-in)."""
    audit_user_id: UUID | None = None
    """Whom the entry of a public rpc names, once its use case knows."""
    open_final: "Callable[[UUID | None], UnitOfWork] | None" = None
    """Set by the chain for detached and streaming rpcs; see ``final_unit``."""

    @property
    def authenticated(self) -> Caller:
        """The caller; raises ``Unauthenticated`` on a public rpc called without a token."""
        if self.caller is None:
            raise Unauthenticated("this call needs a token", reason="TOKEN_MISSING")
        return self.caller

    @property
    def org_id(self) -> UUID:
        """The organisation of the caller's token."""
        org_id = self.authenticated.org_id
        if org_id is None:
            raise Unauthenticated("this call needs a token of an organisation", reason="TOKEN_WITHOUT_ORGANISATION")
        return org_id

    @property
    def user_id(self) -> UUID:
        """The user of the caller's token."""
        user_id = self.authenticated.user_id
        if user_id is None:
            raise Unauthenticated("this call needs a user's token", reason="TOKEN_WITHOUT_USER")
        return user_id

    @property
    def actor(self) -> Actor:
        """Whoever the ledger shall name."""
        if self.caller is None or self.audit_user_id is not None:
            return Actor(self.audit_user_id)
        return Actor(self.caller.user_id, self.caller.service)


_call: ContextVar[Call | None] = ContextVar("raia_call", default=None)


def current_call() -> Call:
    """The rpc that this thread serves; raises ``LookupError`` outside of one."""
    call = _call.get()
    if call is None:
        raise LookupError("no rpc is being served on this thread")
    return call


def current_call_or_none() -> Call | None:
    """The rpc that this thread serves, or None."""
    return _call.get()


def current_unit() -> "UnitOfWork":
    """The unit of work of the rpc at hand; a ``detached`` or streaming rpc has none and opens its own."""
    unit = current_call().unit
    if unit is None:
        raise LookupError("this rpc is detached or streaming: open a unit of work")
    return unit


def final_unit(org_id: UUID | None = None) -> "UnitOfWork":
    """Opens the transaction in which a detached or streaming rpc writes its result, for the caller's organisation.

    The chain adds the audit entry and the answer kept for the idempotency key, and commits when the handler returns, so
    call it after computing and waiting. A second call gives the same unit. ``org_id`` is for public rpcs alone.
    """
    opened = current_call().open_final
    if opened is None:
        raise LookupError("this rpc runs whole in current_unit()")
    return opened(org_id)


@contextmanager
def serving(call: Call) -> Iterator[Call]:
    """Makes ``call`` the current one of this thread."""
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)
