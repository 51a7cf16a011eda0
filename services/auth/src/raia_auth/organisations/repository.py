"""Organisations and memberships in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from raia_kit.database import UnitOfWork
from sqlalchemy import exists, func, insert, select, text, update

from raia_auth.organisations.domain import Membership, Organisation
from raia_auth.organisations.tables import membership, organisation
from raia_auth.roles import ADMIN

_MEMBERSHIP = (
    membership.c.org_id,
    membership.c.user_id,
    membership.c.name,
    membership.c.roles,
    membership.c.is_active,
    membership.c.version,
    membership.c.created_at,
)


_FIRST_START_LOCK = 0x7261_6961_6669_7273


class OrganisationRepository(Protocol):
    """Where organisations are kept."""

    def add(self, unit: UnitOfWork, org_id: UUID, name: str) -> None:
        """Creates one."""

    def get(self, unit: UnitOfWork, org_id: UUID) -> Organisation | None:
        """One by its id."""

    def any(self, unit: UnitOfWork) -> bool:
        """Whether there is one at all."""

    def lock_founding(self, unit: UnitOfWork) -> None:
        """Makes other first starts wait until the transaction ends."""

    def all(self, unit: UnitOfWork) -> list[Organisation]:
        """Every organisation, oldest first."""


class MembershipRepository(Protocol):
    """Where memberships are kept."""

    def of_user(self, unit: UnitOfWork, user_id: UUID) -> list[Membership]:
        """Every membership of a user, in a platform unit of work."""

    def add(self, unit: UnitOfWork, user_id: UUID, name: str, roles: Sequence[str]) -> Membership:
        """Makes the user a member of the unit's organisation."""

    def get(self, unit: UnitOfWork, user_id: UUID) -> Membership | None:
        """The user's membership of the unit's organisation."""

    def lock(self, unit: UnitOfWork, user_id: UUID) -> Membership | None:
        """The same, locked until the transaction ends."""

    def change(self, unit: UnitOfWork, changed: Membership) -> Membership:
        """Stores name, roles and activity under the next version."""

    def lock_roles(self, unit: UnitOfWork) -> None:
        """Makes other changes of roles and activity in the organisation wait until the transaction ends."""

    def other_admins(self, unit: UnitOfWork, user_id: UUID) -> int:
        """How many other active admins the organisation has."""

    def signed_in(self, unit: UnitOfWork, user_id: UUID, at: datetime) -> None:
        """Notes the last sign-in."""


class SqlOrganisationRepository:
    """The implementation over the platform table ``organisation``."""

    def add(self, unit: UnitOfWork, org_id: UUID, name: str) -> None:
        """Creates one."""
        with unit.platform():
            unit.session.execute(insert(organisation).values(id=org_id, name=name))

    def get(self, unit: UnitOfWork, org_id: UUID) -> Organisation | None:
        """One by its id."""
        with unit.platform():
            row = unit.session.execute(select(organisation).where(organisation.c.id == org_id)).one_or_none()
        return Organisation(*row) if row else None

    def any(self, unit: UnitOfWork) -> bool:
        """Whether there is one at all."""
        with unit.platform():
            return bool(unit.session.scalar(select(exists(select(organisation.c.id)))))

    def lock_founding(self, unit: UnitOfWork) -> None:
        """Makes other first starts wait until the transaction ends."""
        unit.session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _FIRST_START_LOCK})

    def all(self, unit: UnitOfWork) -> list[Organisation]:
        """Every organisation, oldest first."""
        with unit.platform():
            rows = unit.session.execute(select(organisation).order_by(organisation.c.created_at)).all()
        return [Organisation(*row) for row in rows]


class SqlMembershipRepository:
    """The implementation over the tenant table ``membership``."""

    def of_user(self, unit: UnitOfWork, user_id: UUID) -> list[Membership]:
        """Every membership of a user, in a platform unit of work."""
        rows = unit.session.execute(select(*_MEMBERSHIP).where(membership.c.user_id == user_id))
        return [Membership(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows]

    def add(self, unit: UnitOfWork, user_id: UUID, name: str, roles: Sequence[str]) -> Membership:
        """Makes the user a member of the unit's organisation."""
        unit.session.execute(
            insert(membership).values(org_id=unit.tenant, user_id=user_id, name=name, roles=list(roles), is_active=True)
        )
        return Membership(unit.tenant, user_id, name, tuple(roles), True, 1, datetime.now(UTC))

    def get(self, unit: UnitOfWork, user_id: UUID) -> Membership | None:
        """The user's membership of the unit's organisation."""
        return self._one(unit, user_id, locked=False)

    def lock(self, unit: UnitOfWork, user_id: UUID) -> Membership | None:
        """The same, locked until the transaction ends."""
        return self._one(unit, user_id, locked=True)

    def change(self, unit: UnitOfWork, changed: Membership) -> Membership:
        """Stores name, roles and activity under the next version."""
        unit.session.execute(
            update(membership)
            .where(membership.c.org_id == unit.tenant, membership.c.user_id == changed.user_id)
            .values(
                name=changed.name,
                roles=list(changed.roles),
                is_active=changed.is_active,
                version=membership.c.version + 1,
                updated_at=func.now(),
            )
        )
        return Membership(
            changed.org_id,
            changed.user_id,
            changed.name,
            changed.roles,
            changed.is_active,
            changed.version + 1,
            changed.joined_at,
        )

    def lock_roles(self, unit: UnitOfWork) -> None:
        """Makes other changes of roles and activity in the organisation wait until the transaction ends."""
        unit.session.execute(
            text("select pg_advisory_xact_lock(hashtextextended('roles:' || :org, 0))"), {"org": str(unit.tenant)}
        )

    def other_admins(self, unit: UnitOfWork, user_id: UUID) -> int:
        """How many other active admins the organisation has."""
        others = (
            select(func.count())
            .select_from(membership)
            .where(
                membership.c.org_id == unit.tenant,
                membership.c.user_id != user_id,
                membership.c.is_active,
                membership.c.roles.contains([ADMIN]),
            )
        )
        return int(unit.session.scalar(others) or 0)

    def signed_in(self, unit: UnitOfWork, user_id: UUID, at: datetime) -> None:
        """Notes the last sign-in."""
        unit.session.execute(
            update(membership)
            .where(membership.c.org_id == unit.tenant, membership.c.user_id == user_id)
            .values(last_login=at)
        )

    def _one(self, unit: UnitOfWork, user_id: UUID, *, locked: bool) -> Membership | None:
        query = select(*_MEMBERSHIP).where(membership.c.org_id == unit.tenant, membership.c.user_id == user_id)
        row = unit.session.execute(query.with_for_update() if locked else query).one_or_none()
        return Membership(row[0], row[1], row[2], tuple(row[3]), *row[4:]) if row else None
