"""Who calls, which rpc, under which request id: the facts of the call or job at hand."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from raia_kit.errors import Unauthenticated

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
        if self.caller is None:
            return Actor()
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


@contextmanager
def serving(call: Call) -> Iterator[Call]:
    """Makes ``call`` the current one of this thread."""
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)
