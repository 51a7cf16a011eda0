"""What operators do about accounts from the command line, and the first administrator of a new installation."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from raia.auth.events.v1 import user_events_pb2
from raia_kit.context import Actor
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound
from raia_kit.ids import new_id

from raia_auth.errors import EmailTaken
from raia_auth.organisations.domain import Organisation
from raia_auth.organisations.events import USER_TOPIC
from raia_auth.organisations.repository import MembershipRepository, OrganisationRepository
from raia_auth.organisations.service import OrganisationService
from raia_auth.passwords import Hasher, check_password, is_importable
from raia_auth.roles import ADMIN, ROLES
from raia_auth.sessions.domain import Revocation
from raia_auth.sessions.service import SessionService
from raia_auth.users.domain import Identity, fold, shown
from raia_auth.users.repository import IdentityRepository, UserRepository

_OPERATOR = Actor(service="auth")


@dataclass(frozen=True)
class Administrator:
    """An administrator and the organisation they run."""

    user_id: UUID
    email: str
    org_id: UUID
    organisation: str


@dataclass(frozen=True)
class ImportedUser:
    """A user of another system; the hash is bcrypt's or argon2id's in its usual text form."""

    email: str
    password_hash: str
    name: str
    roles: tuple[str, ...]


class Administration:
    """Creates administrators, resets passwords and lists organisations' administrators."""

    def __init__(
        self,
        *,
        database: Database,
        organisations: OrganisationRepository,
        memberships: MembershipRepository,
        identities: IdentityRepository,
        users: UserRepository,
        founding: OrganisationService,
        sessions: SessionService,
        hasher: Hasher,
    ) -> None:
        self._database, self._organisations, self._memberships = database, organisations, memberships
        self._identities, self._users, self._founding = identities, users, founding
        self._sessions, self._hasher = sessions, hasher

    def first_start(self, email: str, password: str, organisation: str) -> Administrator | None:
        """Creates the first organisation and its administrator; None when there is an organisation already.

        Of several processes that start at once one does so. Raises ``PasswordWeak``.
        """
        address = fold(email)
        with self._database.platform_unit_of_work() as unit:
            if self._organisations.any(unit):
                return None
        check_password(password, address)
        hashed, org_id, user_id = self._hasher.hash(password), new_id(), new_id()
        with self._database.unit_of_work(org_id, actor=_OPERATOR) as unit:
            self._organisations.lock_founding(unit)
            if self._organisations.any(unit):
                return None
            self._create(unit, organisation, Identity(user_id, address, hashed))
        return Administrator(user_id, address, org_id, organisation)

    def create(self, email: str, password: str, organisation: str) -> Administrator:
        """Creates an administrator of the organisation with this name or id, or of a new one of this name.

        Raises ``PasswordWeak``, ``EmailTaken``, ``InvalidArgument`` when several organisations have the name.
        """
        address = fold(email)
        check_password(password, address)
        hashed, user_id = self._hasher.hash(password), new_id()
        with self._database.platform_unit_of_work() as unit:
            if self._identities.by_email(unit, address) is not None:
                raise EmailTaken(address)
        found = self._find(organisation)
        org_id = found.id if found else new_id()
        with self._database.unit_of_work(org_id, actor=_OPERATOR) as unit:
            identity = Identity(user_id, address, hashed)
            if found:
                self._founding.take_in(unit, identity, "", [ADMIN])
                unit.audit("user.create", resource_type="user", resource_id=str(user_id))
            else:
                self._create(unit, organisation, identity)
        return Administrator(user_id, address, org_id, found.name if found else organisation)

    def reset_password(self, email: str, password: str) -> int:
        """Sets a user's password and ends all their sessions; answers how many.

        Raises ``NotFound`` and ``PasswordWeak``.
        """
        address = fold(email)
        with self._database.platform_unit_of_work() as unit:
            identity = self._identities.by_email(unit, address)
            if identity is None:
                raise NotFound.of("user", address)
            memberships = self._memberships.of_user(unit, identity.id)
        check_password(password, address)
        hashed = self._hasher.hash(password)
        if not memberships:
            raise NotFound.of("user", address)
        with self._database.unit_of_work(memberships[0].org_id, actor=_OPERATOR) as unit:
            self._identities.replace_hash(unit, identity.id, identity.password_hash, hashed)
            ended = self._sessions.end_all(unit, identity.id, Revocation.PASSWORD_CHANGED)
            event = user_events_pb2.PasswordChanged(user_id=str(identity.id))
            unit.emit(event, key=str(identity.id), topic=USER_TOPIC)
            unit.audit("user.reset_password", resource_type="user", resource_id=str(identity.id))
        return ended

    def import_users(self, organisation: str, users: Iterable[ImportedUser]) -> tuple[int, list[str]]:
        """Takes users of another system into an organisation, with the hashes of their passwords as they are.

        All or none; users whose address is known are left as they are. Returns how many were taken in, and the
        addresses that were not. Raises ``InvalidArgument`` for a hash, role or organisation that cannot be used.
        """
        found = self._find(organisation)
        if found is None:
            raise InvalidArgument.of_field("organisation", "there is none of this name or id")
        taken: list[str] = []
        count = 0
        with self._database.unit_of_work(found.id, actor=_OPERATOR) as unit:
            for user in users:
                _check_imported(user)
                try:
                    identity = Identity(new_id(), fold(user.email), user.password_hash)
                    self._founding.take_in(unit, identity, shown(user.name, "name"), user.roles)
                except EmailTaken:
                    taken.append(fold(user.email))
                    continue
                unit.audit("user.import", resource_type="user", resource_id=str(identity.id))
                count += 1
        return count, taken

    def administrators(self) -> list[Administrator]:
        """Every active administrator of every organisation."""
        with self._database.platform_unit_of_work() as unit:
            organisations = self._organisations.all(unit)
        found = []
        for organisation in organisations:
            with self._database.unit_of_work(organisation.id, actor=_OPERATOR) as unit:
                found += [
                    Administrator(user.id, user.email, organisation.id, organisation.name)
                    for user in self._users.admins(unit)
                ]
        return found

    def _find(self, organisation: str) -> Organisation | None:
        """The organisation with this name or id; raises ``InvalidArgument`` when several have the name."""
        with self._database.platform_unit_of_work() as unit:
            found = [one for one in self._organisations.all(unit) if organisation in (one.name, str(one.id))]
        if len(found) > 1:
            raise InvalidArgument.of_field("organisation", "several have this name; give the id")
        return found[0] if found else None

    def _create(self, unit: UnitOfWork, organisation: str, identity: Identity) -> None:
        self._founding.found(unit, organisation, identity, "")
        unit.audit("auth.register", resource_type="user", resource_id=str(identity.id))


def _check_imported(user: ImportedUser) -> None:
    if "@" not in user.email:
        raise InvalidArgument.of_field("email", f"{user.email!r} is no address")
    if not is_importable(user.password_hash):
        raise InvalidArgument.of_field("password_hash", f"that of {user.email} is neither bcrypt's nor argon2id's")
    unknown = [role for role in user.roles if role not in ROLES]
    if unknown or not user.roles:
        raise InvalidArgument.of_field("roles", f"those of {user.email} must be some of {', '.join(ROLES)}")
