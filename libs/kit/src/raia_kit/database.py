"""Engine, units of work and tenancy: every transaction is a tenant's, under row security, or the platform's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from psycopg.pq import TransactionStatus
from raia.platform.events.v1 import audit_events_pb2
from sqlalchemy import Engine, create_engine, event, insert, text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from raia_kit import tables
from raia_kit.audit import recorded_details, recorded_name
from raia_kit.context import Actor, current_call_or_none
from raia_kit.errors import Aborted, InvalidArgument, RaiaError, ResourceExhausted, Unavailable
from raia_kit.ids import new_id
from raia_kit.tracing import current_traceparent

_ABORTED = {"40001", "40P01", "55P03", "57014"}
_INSERT_AUDIT_ENTRY = insert(tables.audit_entry)
_INSERT_EVENT = insert(tables.outbox)
_FULL = {"53100", "53200", "53300"}
_UNSTORABLE = {"22021", "22P05"}
LARGEST_EVENT = 6 * 1024 * 1024
"""Bytes of an event's payload: a log that refused a larger one would hold up every event behind it."""


@dataclass
class UnitOfWork:
    """One transaction: what it writes, the events it emits and the audit entries it makes commit together or not."""

    session: Session
    service: str
    org_id: UUID | None
    actor: Actor = field(default_factory=Actor)
    request_id: str = ""
    correlation_id: str = ""
    _after_commit: list[Callable[[], None]] = field(default_factory=list)
    _as_platform: bool = False

    @property
    def tenant(self) -> UUID:
        """The organisation; raises ``LookupError`` in a platform unit of work."""
        if self.org_id is None:
            raise LookupError("this is a platform unit of work")
        return self.org_id

    def emit(self, message: Message, *, key: str, topic: str) -> UUID:
        """Writes an event to the outbox and returns its id.

        Call it after the resource's row is locked, so that the order within ``key`` is the commit order. ``topic`` is
        ``raia.<service>.<resource>``. Raises ``ValueError`` for a message of more than ``LARGEST_EVENT`` bytes.
        """
        event_id, payload = new_id(), message.SerializeToString(deterministic=True)
        if len(payload) > LARGEST_EVENT:
            raise ValueError(f"{message.DESCRIPTOR.full_name} of {len(payload)} bytes is too large for an event")
        headers = {
            "orgid": str(self.org_id) if self.org_id else "",
            "actor": str(self.actor),
            "correlationid": self.correlation_id or self.request_id,
            "traceparent": current_traceparent(),
            "time": datetime.now(UTC).isoformat(),
            "source": self.service,
        }
        row = {
            "id": event_id,
            "topic": topic,
            "key": key,
            "type": message.DESCRIPTOR.full_name,
            "headers": headers,
            "payload": payload,
        }
        self.session.execute(_INSERT_EVENT, row)
        return event_id

    def audit(
        self,
        action: str,
        *,
        resource_type: str = "",
        resource_id: str = "",
        outcome: str = "success",
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        org_id: UUID | None = None,
    ) -> UUID:
        """Writes an audit entry with the change and returns its id; ``auth`` gives it its place in the ledger.

        ``details`` holds JSON values and no secret; ``raia_kit.audit`` says what is cut. ``org_id`` is needed in a
        platform unit of work alone.
        """
        now, org = datetime.now(UTC), org_id or self.tenant
        facts = {
            "action": action,
            "resource_type": resource_type,
            "resource_id": recorded_name(resource_id),
            "outcome": outcome,
            "reason": reason,
            "request_id": self.request_id,
        }
        entry_id, kept = new_id(), recorded_details(details or {})
        row = {
            "org_id": org,
            "id": entry_id,
            "occurred_at": now,
            "actor_user_id": self.actor.user_id,
            "actor_service": self.actor.service,
            "details": kept,
        }
        self.session.execute(_INSERT_AUDIT_ENTRY, row | facts)
        recorded = audit_events_pb2.AuditEntryRecorded(
            id=str(entry_id),
            org_id=str(org),
            service=self.service,
            actor_user_id=str(self.actor.user_id or ""),
            actor_service=self.actor.service or "",
        )
        for name, value in facts.items():
            setattr(recorded, name, value)
        recorded.occurred_at.FromDatetime(now)
        recorded.details.update(kept)
        self.emit(recorded, key=str(org), topic=f"raia.{self.service}.audit_entry")
        return entry_id

    @contextmanager
    def platform(self) -> Iterator[None]:
        """Inside the ``with``, statements reach the tables without a tenant, and nothing else; it may be nested.

        An exception that leaves the transaction usable also leaves the role, so that whoever handles it goes on as the
        tenant. In a platform unit of work it changes nothing.
        """
        if self.org_id is None or self._as_platform:
            yield
            return
        self.session.flush()
        self.session.execute(text(f'set local role "raia_{self.service}_platform"'))
        self._as_platform = True
        try:
            yield
            self.session.flush()
        finally:
            self._as_platform = False
            if _usable(self.session):
                self.session.execute(text("set local role none"))

    def hold(self, name: str) -> None:
        """Waits until no other transaction holds ``name``, and holds it until this one ends."""
        lock = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
        self.session.execute(lock, {"name": name})

    def after_commit(self, action: Callable[[], None]) -> None:
        """Runs ``action`` once the transaction has committed: to wake a dispatcher, never to change anything."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Runs what waited for the commit."""
        for action in self._after_commit:
            action()


class Database:
    """The pool of one process and the only way to a transaction."""

    def __init__(self, url: str, *, service: str, pool_size: int = 3) -> None:
        self.service = service
        self.url = url
        self.engine: Engine = open_engine(url, service, pool_size)
        self.after_commit: list[Callable[[], None]] = []
        """Run after every commit: the relay's wake-up."""

    @contextmanager
    def unit_of_work(
        self, org_id: UUID, *, actor: Actor | None = None, correlation_id: str = ""
    ) -> Iterator[UnitOfWork]:
        """One tenant's transaction under row security; commits at the end, rolls back on any exception.

        Actor, request id and correlation id are those of the rpc at hand unless given.
        """
        with self._transaction(org_id, actor, correlation_id) as unit:
            unit.session.execute(text("select set_config('raia.org_id', :org, true)"), {"org": str(org_id)})
            yield unit

    @contextmanager
    def platform_unit_of_work(self, *, actor: Actor | None = None, correlation_id: str = "") -> Iterator[UnitOfWork]:
        """A transaction on the tables without a tenant, under the role that sees nothing else."""
        with self._transaction(None, actor, correlation_id) as unit:
            unit.session.execute(text(f'set local role "raia_{self.service}_platform"'))
            yield unit

    @contextmanager
    def _transaction(self, org_id: UUID | None, actor: Actor | None, correlation_id: str) -> Iterator[UnitOfWork]:
        call = current_call_or_none()
        session = Session(self.engine, expire_on_commit=False)
        unit = UnitOfWork(
            session=session,
            service=self.service,
            org_id=org_id,
            actor=actor if actor is not None else (call.actor if call else Actor(service=self.service)),
            request_id=call.request_id if call else "",
            correlation_id=correlation_id or (call.correlation_id if call else ""),
        )
        try:
            with session, session.begin():
                yield unit
        except (DBAPIError, PoolTimeout) as error:
            raise translate(error) from error
        for wake in self.after_commit:
            wake()
        unit.committed()

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def open_engine(url: str, service: str, pool_size: int) -> Engine:
    """A pool of at most ``pool_size`` connections, each checked before it is used and in UTC."""
    engine = create_engine(
        _driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "prepare_threshold": None, "application_name": f"raia-{service}"},
    )
    event.listen(engine, "connect", _utc)
    return engine


def translate(error: DBAPIError | PoolTimeout) -> Exception:
    """The error a caller may see for a database fault; unknown faults come back unchanged and become internal."""
    if isinstance(error, PoolTimeout):
        return Unavailable("the service is busy; try again", reason="DATABASE_BUSY", retry_after=1.0)
    state = getattr(error.orig, "sqlstate", None) or ""
    result: RaiaError | None = None
    if state in _FULL:
        result = ResourceExhausted("storage is full; nothing was written", reason="STORAGE_FULL", retry_after=60.0)
    elif state in _ABORTED:
        result = Aborted("another change interfered; try again", reason="CONCURRENT_CHANGE", retry_after=0.2)
    elif state in _UNSTORABLE or (isinstance(error, DataError) and not state and "NUL" in str(error.orig)):
        # The driver itself refuses the one character that protobuf's texts may hold and PostgreSQL's may not.
        result = InvalidArgument("a text holds the character NUL, which cannot be stored", reason="INVALID_FIELD")
    elif (
        error.connection_invalidated
        or state.startswith(("08", "57P"))
        or (isinstance(error, OperationalError) and not state)
    ):
        result = Unavailable("the database is away; try again", reason="DATABASE_UNAVAILABLE", retry_after=2.0)
    return result or error


def _usable(session: Session) -> bool:
    """Whether the transaction takes statements still: a failed one ends, role and all."""
    if not session.is_active:
        return False
    driver: Any = session.connection().connection.driver_connection
    return bool(driver.info.transaction_status == TransactionStatus.INTRANS)


def _driver_url(url: str) -> str:
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def _utc(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
    connection.commit()
