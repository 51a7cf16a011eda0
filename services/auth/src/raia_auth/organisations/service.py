"""Makes users and organisations. Every method works in the unit of work it is given."""

from collections.abc import Sequence

from raia_kit.database import UnitOfWork

from raia_auth.errors import EmailTaken
from raia_auth.organisations.domain import Membership, name_from_address
from raia_auth.organisations.events import emit_membership, emit_registered
from raia_auth.organisations.repository import MembershipRepository, OrganisationRepository
from raia_auth.roles import ADMIN
from raia_auth.users.domain import Identity
from raia_auth.users.repository import IdentityRepository


class OrganisationService:
    """Founds organisations and takes in members."""

    def __init__(
        self, organisations: OrganisationRepository, memberships: MembershipRepository, identities: IdentityRepository
    ) -> None:
        self._organisations, self._memberships, self._identities = organisations, memberships, identities

    def found(self, unit: UnitOfWork, org_name: str, identity: Identity, name: str) -> Membership:
        """Creates the unit's organisation with its first user, who becomes admin; raises ``EmailTaken``."""
        self._organisations.add(unit, unit.tenant, org_name or name_from_address(identity.email))
        return self._join(unit, identity, name, [ADMIN], organisation_created=True)

    def take_in(self, unit: UnitOfWork, identity: Identity, name: str, roles: Sequence[str]) -> Membership:
        """Creates a user in the unit's organisation; raises ``EmailTaken``."""
        return self._join(unit, identity, name, roles, organisation_created=False)

    def _join(
        self, unit: UnitOfWork, identity: Identity, name: str, roles: Sequence[str], *, organisation_created: bool
    ) -> Membership:
        if not self._identities.add(unit, identity):
            raise EmailTaken(identity.email)
        membership = self._memberships.add(unit, identity.id, name, roles)
        emit_registered(unit, membership, identity.email, organisation_created=organisation_created)
        emit_membership(unit, membership)
        return membership
