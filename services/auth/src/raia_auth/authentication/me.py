"""Who the caller is."""

from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound

from raia_auth.organisations.domain import Organisation
from raia_auth.organisations.repository import OrganisationRepository
from raia_auth.roles import permissions_of
from raia_auth.users.domain import User
from raia_auth.users.repository import UserRepository


class MeService:
    """The use case of GetMe."""

    def __init__(self, users: UserRepository, organisations: OrganisationRepository) -> None:
        self._users, self._organisations = users, organisations

    def get(self, unit: UnitOfWork, caller: Caller) -> tuple[User, Organisation, frozenset[str]]:
        """The user, their organisation, and what they may do in all of it; raises ``NotFound`` without a user."""
        user = self._users.get(unit, caller.user_id) if caller.user_id is not None else None
        organisation = self._organisations.get(unit, unit.tenant)
        if user is None or organisation is None:
            raise NotFound.of("user", caller.user_id or caller.service)
        held = permissions_of(user.roles)
        return user, organisation, held if caller.scope is None else held & caller.scope
