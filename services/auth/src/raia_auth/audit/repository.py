"""The ledger in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from raia_kit.database import UnitOfWork
from sqlalchemy import Select, insert, select, text

from raia_auth.audit.domain import GENESIS, Entry, Fact, plain
from raia_auth.audit.tables import ledger_entry

_T = ledger_entry.c
_ENTRY = (
    _T.place,
    _T.id,
    _T.org_id,
    _T.service,
    _T.actor_user_id,
    _T.actor_service,
    _T.action,
    _T.resource_type,
    _T.resource_id,
    _T.outcome,
    _T.reason,
    _T.request_id,
    _T.occurred_at,
    _T.details,
    _T.previous_hash,
    _T.hash,
)


class LedgerRepository(Protocol):
    """Where ledgers are kept; nothing in it is ever changed."""

    def lock_head(self, unit: UnitOfWork) -> tuple[int, bytes]:
        """The last place and hash of the unit's organisation; nobody else appends until the transaction ends."""

    def known(self, unit: UnitOfWork, ids: Sequence[UUID]) -> set[UUID]:
        """Those of the ids that have a place already."""

    def append(self, unit: UnitOfWork, entries: Sequence[Entry]) -> None:
        """Adds entries at the end."""

    def read(self, unit: UnitOfWork, after: int, limit: int) -> list[Entry]:
        """Entries that follow a place, in order."""

    def query(self, unit: UnitOfWork) -> Select[Any]:
        """Every entry of the unit's organisation, to be filtered, ordered and paged."""


class SqlLedgerRepository:
    """The implementation over the tenant table ``ledger_entry``, on which the runtime role may insert and select."""

    def lock_head(self, unit: UnitOfWork) -> tuple[int, bytes]:
        """The last place and hash of the unit's organisation; nobody else appends until the transaction ends."""
        unit.session.execute(
            text("select pg_advisory_xact_lock(hashtextextended('ledger:' || :org, 0))"), {"org": str(unit.tenant)}
        )
        row = unit.session.execute(
            select(_T.place, _T.hash).where(_T.org_id == unit.tenant).order_by(_T.place.desc()).limit(1)
        ).one_or_none()
        return (row[0], row[1]) if row else (0, GENESIS)

    def known(self, unit: UnitOfWork, ids: Sequence[UUID]) -> set[UUID]:
        """Those of the ids that have a place already."""
        found = unit.session.scalars(select(_T.id).where(_T.org_id == unit.tenant, _T.id.in_(ids)))
        return set(found)

    def append(self, unit: UnitOfWork, entries: Sequence[Entry]) -> None:
        """Adds entries at the end."""
        if entries:
            unit.session.execute(insert(ledger_entry), [_row(entry) for entry in entries])

    def read(self, unit: UnitOfWork, after: int, limit: int) -> list[Entry]:
        """Entries that follow a place, in order."""
        rows = unit.session.execute(self.query(unit).where(_T.place > after).order_by(_T.place).limit(limit))
        return [to_entry(row) for row in rows]

    def query(self, unit: UnitOfWork) -> Select[Any]:
        """Every entry of the unit's organisation, to be filtered, ordered and paged."""
        return select(*_ENTRY).where(_T.org_id == unit.tenant)


def to_entry(row: Any) -> Entry:
    """The entry in a row of ``query``."""
    place, *fact, previous_hash, digest = tuple(row)[: len(_ENTRY)]
    return Entry(place, Fact(*fact), bytes(previous_hash), bytes(digest))


def _row(entry: Entry) -> dict[str, Any]:
    fact = entry.fact
    return {
        "org_id": fact.org_id,
        "place": entry.place,
        "id": fact.id,
        "occurred_at": fact.occurred_at,
        "service": fact.service,
        "actor_user_id": fact.actor_user_id,
        "actor_service": fact.actor_service,
        "action": fact.action,
        "resource_type": fact.resource_type,
        "resource_id": fact.resource_id,
        "outcome": fact.outcome,
        "reason": fact.reason,
        "request_id": fact.request_id,
        "details": plain(fact.details),
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
