"""Slows down guessing: failed sign-ins lock an account, and a network address, for longer and longer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from raia_kit.database import UnitOfWork
from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, Table, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from raia_auth.errors import AccountLocked
from raia_auth.schema import metadata

_LONGEST = timedelta(minutes=15)
_FORGET = timedelta(hours=24)

sign_in_throttle = Table(
    "sign_in_throttle",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Column("locked_until", DateTime(timezone=True)),
    Index("sign_in_throttle_failed_at", "failed_at"),
    comment="Failed sign-ins by digest of account or address, of accounts that do not exist too",
)


@dataclass(frozen=True)
class Record:
    """Failures in a row of one subject, and until when it may not try again."""

    failures: int = 0
    failed_at: datetime | None = None
    locked_until: datetime | None = None


@dataclass(frozen=True)
class Limit:
    """How many failures are free, and for how long the next one locks; each further one doubles that."""

    free: int
    first_lock: timedelta


ACCOUNT = Limit(free=5, first_lock=timedelta(seconds=15))
ADDRESS = Limit(free=100, first_lock=timedelta(seconds=60))


def remaining(record: Record, now: datetime) -> timedelta:
    """How long the subject is still locked; zero when it is not."""
    if record.locked_until is None:
        return timedelta(0)
    return max(timedelta(0), record.locked_until - now)


def after_failure(record: Record, limit: Limit, now: datetime) -> Record:
    """The record with one more failure; a day without any starts anew."""
    old = record.failures if record.failed_at is not None and now - record.failed_at < _FORGET else 0
    failures = old + 1
    locked_until = None
    if failures > limit.free:
        doublings = min(failures - limit.free - 1, 20)
        locked_until = now + min(_LONGEST, limit.first_lock * 2**doublings)
    return Record(failures, now, locked_until)


class Throttle(Protocol):
    """Counts failed sign-ins."""

    def begin(self, unit: UnitOfWork, email: str, address: str) -> None:
        """Counts an attempt as failed before the password is looked at, so that parallel guesses all count.

        Raises ``AccountLocked`` when account or address must wait. ``succeeded`` takes the count back.
        """

    def succeeded(self, unit: UnitOfWork, email: str, address: str) -> None:
        """Forgets the account's failures, and the one that ``begin`` counted for the address."""

    def forget(self, unit: UnitOfWork) -> None:
        """Deletes records that no longer matter."""


class SqlThrottle:
    """The implementation over the platform table ``sign_in_throttle``."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def begin(self, unit: UnitOfWork, email: str, address: str) -> None:
        """Counts an attempt for account and address; raises ``AccountLocked`` while one of them must wait."""
        now = self._now()
        with unit.platform():
            # The address first, everywhere: two calls that lock the same rows lock them in the same order.
            for subject, limit in _subjects(email, address):
                record = self._lock(unit, subject, now)
                wait = remaining(record, now)
                if wait:
                    raise AccountLocked(wait.total_seconds())
                self._store(unit, subject, after_failure(record, limit, now))

    def succeeded(self, unit: UnitOfWork, email: str, address: str) -> None:
        """Forgets the account's failures, and one of the address."""
        table = sign_in_throttle
        with unit.platform():
            if address:
                key = _digest("address", address)
                record = self._lock(unit, key, self._now())
                self._store(unit, key, Record(max(0, record.failures - 1), record.failed_at or self._now()))
            unit.session.execute(delete(table).where(table.c.subject == _digest("account", email)))

    def forget(self, unit: UnitOfWork) -> None:
        """Deletes records without a failure for a day."""
        table = sign_in_throttle
        with unit.platform():
            unit.session.execute(delete(table).where(table.c.failed_at < self._now() - _FORGET))

    def _lock(self, unit: UnitOfWork, subject: bytes, now: datetime) -> Record:
        table = sign_in_throttle
        unit.session.execute(upsert(table).values(subject=subject, failures=0, failed_at=now).on_conflict_do_nothing())
        row = unit.session.execute(
            select(table.c.failures, table.c.failed_at, table.c.locked_until)
            .where(table.c.subject == subject)
            .with_for_update()
        ).one()
        return Record(*row)

    def _store(self, unit: UnitOfWork, subject: bytes, record: Record) -> None:
        table = sign_in_throttle
        unit.session.execute(
            table.update()
            .where(table.c.subject == subject)
            .values(failures=record.failures, failed_at=record.failed_at, locked_until=record.locked_until)
        )


def _subjects(email: str, address: str) -> list[tuple[bytes, Limit]]:
    account = (_digest("account", email), ACCOUNT)
    return [(_digest("address", address), ADDRESS), account] if address else [account]


def _digest(kind: str, name: str) -> bytes:
    return sha256(f"{kind}:{name}".encode()).digest()
