"""Identities and users in PostgreSQL."""

from typing import Any, Protocol
from uuid import UUID

from raia_kit.database import UnitOfWork
from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from raia_auth.roles import ADMIN
from raia_auth.users.domain import Identity, User
from raia_auth.users.tables import organisation_user, users

_VIEW = organisation_user.c
_USER = (
    _VIEW.id,
    _VIEW.email,
    _VIEW.name,
    _VIEW.roles,
    _VIEW.is_active,
    _VIEW.last_login,
    _VIEW.created_at,
    _VIEW.updated_at,
    _VIEW.version,
)


class IdentityRepository(Protocol):
    """Where identities are kept."""

    def by_email(self, unit: UnitOfWork, email: str) -> Identity | None:
        """The identity with this folded address."""

    def get(self, unit: UnitOfWork, user_id: UUID) -> Identity | None:
        """The identity with this id."""

    def add(self, unit: UnitOfWork, identity: Identity) -> bool:
        """Creates one; False, and nothing done, when the address is taken."""

    def replace_hash(self, unit: UnitOfWork, user_id: UUID, old: str | None, new: str) -> bool:
        """Replaces the password's hash unless it changed meanwhile, which answers False."""


class UserRepository(Protocol):
    """How an organisation sees its users."""

    def get(self, unit: UnitOfWork, user_id: UUID) -> User | None:
        """One member of the unit's organisation."""

    def query(self, unit: UnitOfWork) -> Select[Any]:
        """Every member of the unit's organisation, to be filtered, ordered and paged."""

    def admins(self, unit: UnitOfWork) -> list[User]:
        """The active administrators of the unit's organisation, by address."""


class SqlIdentityRepository:
    """The implementation over the platform table ``users``."""

    def by_email(self, unit: UnitOfWork, email: str) -> Identity | None:
        """The identity with this folded address."""
        with unit.platform():
            row = unit.session.execute(
                select(users.c.id, users.c.email, users.c.password_hash).where(users.c.email == email)
            ).one_or_none()
        return Identity(*row) if row else None

    def get(self, unit: UnitOfWork, user_id: UUID) -> Identity | None:
        """The identity with this id."""
        with unit.platform():
            row = unit.session.execute(
                select(users.c.id, users.c.email, users.c.password_hash).where(users.c.id == user_id)
            ).one_or_none()
        return Identity(*row) if row else None

    def add(self, unit: UnitOfWork, identity: Identity) -> bool:
        """Creates one; False, and nothing done, when the address is taken."""
        statement = (
            upsert(users)
            .values(id=identity.id, email=identity.email, password_hash=identity.password_hash)
            .on_conflict_do_nothing(index_elements=[users.c.email])
            .returning(users.c.id)
        )
        with unit.platform():
            return unit.session.execute(statement).one_or_none() is not None

    def replace_hash(self, unit: UnitOfWork, user_id: UUID, old: str | None, new: str) -> bool:
        """Replaces the password's hash unless it changed meanwhile, which answers False."""
        statement = (
            update(users)
            .where(users.c.id == user_id, users.c.password_hash.is_not_distinct_from(old))
            .values(password_hash=new, updated_at=func.now())
            .returning(users.c.id)
        )
        with unit.platform():
            return unit.session.execute(statement).one_or_none() is not None


class SqlUserRepository:
    """The implementation over the view ``organisation_user``."""

    def get(self, unit: UnitOfWork, user_id: UUID) -> User | None:
        """One member of the unit's organisation."""
        row = unit.session.execute(select(*_USER).where(_VIEW.id == user_id)).one_or_none()
        return to_user(row) if row else None

    def query(self, unit: UnitOfWork) -> Select[Any]:
        """Every member of the unit's organisation, to be filtered, ordered and paged."""
        return select(*_USER).where(_VIEW.org_id == unit.tenant)

    def admins(self, unit: UnitOfWork) -> list[User]:
        """The active administrators of the unit's organisation, by address."""
        query = self.query(unit).where(_VIEW.is_active, _VIEW.roles.contains([ADMIN])).order_by(_VIEW.email)
        return [to_user(row) for row in unit.session.execute(query)]


def to_user(row: Any) -> User:
    """The user in a row of ``query``."""
    values: tuple[Any, ...] = tuple(row)
    return User(values[0], values[1], values[2], tuple(values[3]), *values[4:9])
