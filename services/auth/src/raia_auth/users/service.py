"""An organisation's users, as its administrators see and change them."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.ids import new_id

from raia_auth.errors import EtagMismatch, LastAdmin
from raia_auth.organisations.domain import Membership
from raia_auth.organisations.events import emit_membership, emit_updated
from raia_auth.organisations.repository import MembershipRepository
from raia_auth.organisations.service import OrganisationService
from raia_auth.passwords import Hasher, check_password
from raia_auth.roles import ADMIN
from raia_auth.sessions.domain import Revocation
from raia_auth.sessions.service import SessionService
from raia_auth.users.domain import Change, Identity, User, fold, shown
from raia_auth.users.repository import UserRepository

DEFAULT_ROLES = ("user",)


class UserService:
    """The use cases of UserService's rpcs."""

    def __init__(
        self,
        users: UserRepository,
        memberships: MembershipRepository,
        organisations: OrganisationService,
        sessions: SessionService,
        hasher: Hasher,
    ) -> None:
        self._users, self._memberships = users, memberships
        self._organisations, self._sessions, self._hasher = organisations, sessions, hasher

    def get(self, unit: UnitOfWork, user_id: UUID) -> User:
        """One user of the organisation; raises ``NotFound``."""
        user = self._users.get(unit, user_id)
        if user is None:
            raise NotFound.of("user", user_id)
        return user

    def hash_first_password(self, email: str, password: str) -> str:
        """The hash of a new user's password, computed outside of any transaction; raises ``PasswordWeak``."""
        check_password(password, fold(email))
        return self._hasher.hash(password)

    def create(self, unit: UnitOfWork, email: str, password_hash: str, name: str, roles: Sequence[str]) -> User:
        """Creates a user in the unit's organisation; raises ``EmailTaken``."""
        identity = Identity(new_id(), fold(email), password_hash)
        self._organisations.take_in(unit, identity, shown(name, "name"), tuple(roles) or DEFAULT_ROLES)
        return self.get(unit, identity.id)

    def update(self, unit: UnitOfWork, user_id: UUID, change: Change, etag: str) -> User:
        """Changes name, roles or activity; deactivating ends the user's sessions in the organisation.

        Raises ``NotFound``, ``EtagMismatch`` when the user changed since ``etag``, ``LastAdmin``.
        """
        self._memberships.lock_roles(unit)
        membership = self._memberships.lock(unit, user_id)
        if membership is None:
            raise NotFound.of("user", user_id)
        user = self.get(unit, user_id)
        if etag and etag != user.etag:
            raise EtagMismatch(user.etag)
        changed = _changed(membership, change)
        fields = [
            name for name in ("name", "roles", "is_active") if getattr(changed, name) != getattr(membership, name)
        ]
        if not fields:
            return user
        if _is_admin(membership) and not _is_admin(changed) and not self._memberships.other_admins(unit, user_id):
            raise LastAdmin(user_id)
        stored = self._memberships.change(unit, changed)
        if membership.is_active and not stored.is_active:
            self._sessions.end_all(unit, user_id, Revocation.DEACTIVATED, org_id=unit.tenant)
        if fields != ["name"]:
            emit_membership(unit, stored)
        emit_updated(unit, stored, fields)
        return self.get(unit, user_id)


def _changed(membership: Membership, change: Change) -> Membership:
    return replace(
        membership,
        name=membership.name if change.name is None else shown(change.name, "name"),
        roles=change.roles or membership.roles,
        is_active=membership.is_active if change.is_active is None else change.is_active,
    )


def _is_admin(membership: Membership) -> bool:
    return membership.is_active and ADMIN in membership.roles
