"""Where a user lies, as far as access to them goes."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_auth.organisations.repository import MembershipRepository


class UserGuard:
    """Users belong to the organisation as a whole; another organisation's are absent."""

    def __init__(self, memberships: MembershipRepository) -> None:
        self._memberships = memberships

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """As ``ResourceGuard.locate``."""
        return Located() if self._memberships.get(unit, UUID(resource_id)) is not None else None
