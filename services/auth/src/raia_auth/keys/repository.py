"""Signing keys in PostgreSQL."""

from datetime import datetime
from typing import Protocol

from raia_kit.database import UnitOfWork
from sqlalchemy import delete, insert, select, text, update

from raia_auth.keys.domain import SigningKey
from raia_auth.keys.tables import signing_key

_ROTATION_LOCK = 0x7261_6961_6B65_79


class SigningKeyRepository(Protocol):
    """Where signing keys are kept."""

    def all(self, unit: UnitOfWork) -> list[SigningKey]:
        """Every key that is still published."""

    def lock(self, unit: UnitOfWork) -> None:
        """Makes rotations of all processes wait for one another until the transaction ends."""

    def add(self, unit: UnitOfWork, key: SigningKey) -> None:
        """Stores a new key."""

    def reseal(self, unit: UnitOfWork, kid: str, private_key: bytes) -> None:
        """Replaces the sealed private half."""

    def forget(self, unit: UnitOfWork, before: datetime) -> None:
        """Deletes keys that are no longer published."""


class SqlSigningKeyRepository:
    """The implementation over the platform table ``signing_key``."""

    def all(self, unit: UnitOfWork) -> list[SigningKey]:
        """Every key that is still published."""
        table = signing_key.c
        rows = unit.session.execute(
            select(
                table.kid,
                table.public_key,
                table.private_key,
                table.active_from,
                table.retires_at,
                table.published_until,
            )
        )
        return [SigningKey(*row) for row in rows]

    def lock(self, unit: UnitOfWork) -> None:
        """Makes rotations of all processes wait for one another until the transaction ends."""
        unit.session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ROTATION_LOCK})

    def add(self, unit: UnitOfWork, key: SigningKey) -> None:
        """Stores a new key."""
        unit.session.execute(
            insert(signing_key).values(
                kid=key.kid,
                public_key=key.public_key,
                private_key=key.private_key,
                active_from=key.active_from,
                retires_at=key.retires_at,
                published_until=key.published_until,
            )
        )

    def reseal(self, unit: UnitOfWork, kid: str, private_key: bytes) -> None:
        """Replaces the sealed private half."""
        unit.session.execute(update(signing_key).where(signing_key.c.kid == kid).values(private_key=private_key))

    def forget(self, unit: UnitOfWork, before: datetime) -> None:
        """Deletes keys that are no longer published."""
        unit.session.execute(delete(signing_key).where(signing_key.c.published_until < before))
