"""The token exchange: a service that proves itself gets a short-lived token, to act for a user or as itself."""

from collections.abc import Callable, Iterable
from uuid import UUID

from raia_kit.contract import job_permissions
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import InvalidArgument

from raia_auth.access.repository import AccessRepository
from raia_auth.errors import ScopeNotAllowed, SubjectInactive
from raia_auth.keys.tokens import AccessToken, TokenIssuer
from raia_auth.organisations.repository import MembershipRepository
from raia_auth.roles import permissions_of


class ExchangeService:
    """The use case of TokenService's rpc."""

    def __init__(
        self,
        database: Database,
        memberships: MembershipRepository,
        access: AccessRepository,
        issuer: TokenIssuer,
        allowed: Callable[[str], frozenset[str]] = job_permissions,
    ) -> None:
        """``allowed`` answers the permissions that a service's jobs may be given: those of the contracts."""
        self._database, self._memberships, self._access = database, memberships, access
        self._issuer, self._allowed = issuer, allowed

    def exchange(
        self, service: str, user_id: UUID | None, org_id: UUID | None, job_id: str, wanted: Iterable[str]
    ) -> AccessToken:
        """A token of five minutes whose scope is what the service's jobs and the user may do in the organisation.

        Raises ``ScopeNotAllowed`` for a permission that no contract lists for the service's jobs (and for any that a
        service wants for itself), ``SubjectInactive`` for a user who is no active member.
        """
        asked = frozenset(wanted)
        beyond = asked - (self._allowed(service) if user_id is not None else frozenset())
        if beyond:
            raise ScopeNotAllowed(service, min(beyond))
        if user_id is None:
            return self._issuer.for_service(service, org_id, job_id)
        if org_id is None:
            raise InvalidArgument.of_field("org_id", "is needed to act for a user")
        with self._database.unit_of_work(org_id) as unit:
            held = self._held(unit, user_id)
        return self._issuer.for_job(user_id, org_id, service, asked & held, job_id)

    def _held(self, unit: UnitOfWork, user_id: UUID) -> frozenset[str]:
        """Every permission that the user has somewhere in the organisation; raises ``SubjectInactive``."""
        membership = self._memberships.get(unit, user_id)
        if membership is None or not membership.is_active:
            raise SubjectInactive(user_id)
        roles, permissions = self._access.granted(unit, user_id)
        return permissions_of({*membership.roles, *roles}) | permissions
