"""Who may call a route at all: tokens are verified and callers limited before a byte of the body is read."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from raia_kit.context import Caller
from raia_kit.contract import Access, MethodContract
from raia_kit.errors import PermissionDenied, Unauthenticated, Unavailable
from raia_kit.rate_limit import Rate, RateLimiter, enforce

from raia_gateway.exchange import Exchange

_REMEMBERED = 10_000


class Verifier(Protocol):
    """What admission asks of ``raia_kit.identity.TokenVerifier``; may block, so it is asked in a thread."""

    def verify(self, token: str) -> Caller:
        """The caller that the token proves; raises ``Unauthenticated`` or ``Unavailable``."""


class AccessDecisions(Protocol):
    """What admission asks of ``raia_kit.access.AccessIndex``."""

    def holds(self, caller: Caller, permission: str) -> bool:
        """Whether the caller has the permission anywhere in the organisation."""

    def allows(
        self,
        caller: Caller,
        permission: str,
        *,
        project_id: UUID | None = None,
        resource_type: str = "",
        resource_id: str = "",
    ) -> bool:
        """Whether the caller has the permission on this resource."""

    def revoked(self, caller: Caller) -> bool:
        """Whether the session that the token belongs to has ended."""

    def age(self) -> float:
        """Seconds since the index was known to be current."""


class Authenticator:
    """Verifies tokens off the event loop and remembers verdicts until they expire."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._verdicts: OrderedDict[str, Caller] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The caller that the token proves; raises ``Unauthenticated`` or ``Unavailable``."""
        known = self._verdicts.get(token)
        if known is not None and known.expires_at > time.time():
            return known
        caller = await asyncio.to_thread(self._verifier.verify, token)
        self._verdicts[token] = caller
        while len(self._verdicts) > _REMEMBERED:
            self._verdicts.popitem(last=False)
        return caller


class Admission:
    """Authenticates and limits the caller of a route; authorization is the services' own."""

    def __init__(
        self,
        authenticator: Authenticator,
        access: AccessDecisions,
        limiter: RateLimiter,
        rates: Mapping[int, Rate],
        *,
        access_max_age: float,
    ) -> None:
        self.authenticator = authenticator
        self._access, self._access_max_age = access, access_max_age
        self._limiter, self._rates = limiter, rates

    async def admit(self, exchange: Exchange, contract: MethodContract) -> None:
        """Sets ``exchange.caller``; raises ``Unauthenticated`` or ``ResourceExhausted`` (RATE_LIMITED)."""
        if contract.access is not Access.PUBLIC:
            exchange.caller = await self.authenticator.verify(bearer_token(exchange.header(b"authorization")))
        rate = self._rates.get(contract.rate_class)
        if rate is not None:
            enforce(self._limiter, f"{contract.rate_class}:{_who(exchange)}", rate)

    def authorize(self, caller: Caller | None, permission: str) -> None:
        """For what the gateway serves itself: raises unless the caller holds the permission somewhere.

        ``Unauthenticated`` when the session has ended, ``PermissionDenied`` without the permission, ``Unavailable``
        while what is known of roles is too old to decide.
        """
        if caller is None:
            raise Unauthenticated("this call needs a token", reason="TOKEN_MISSING")
        if self._access.age() > self._access_max_age:
            raise Unavailable(
                "permissions cannot be checked right now; try again", reason="ACCESS_STALE", retry_after=1
            )
        if self._access.revoked(caller):
            raise Unauthenticated("the session has ended; sign in again", reason="SESSION_ENDED")
        if not self._access.holds(caller, permission):
            raise PermissionDenied(
                f"{permission} is needed: ask an administrator of the organisation for it",
                reason="PERMISSION_MISSING",
                metadata={"permission": permission},
            )

    def may_see(
        self, caller: Caller, permission: str, resource_type: str, resource_id: str, project_id: UUID | None
    ) -> bool:
        """Whether an event about this resource may be shown to a caller who was admitted earlier."""
        return self.still_valid(caller) and self._access.allows(
            caller, permission, project_id=project_id, resource_type=resource_type, resource_id=resource_id
        )

    def still_valid(self, caller: Caller) -> bool:
        """Whether a session that was admitted earlier still holds."""
        return not self._access.revoked(caller)


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header; raises ``Unauthenticated``."""
    if not authorization:
        raise Unauthenticated("this call needs a token", reason="TOKEN_MISSING")
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("the Authorization header must read: Bearer <token>", reason="TOKEN_INVALID")
    return token


def _who(exchange: Exchange) -> str:
    caller = exchange.caller
    if caller is None:
        return f"address:{exchange.client_address}"
    return f"user:{caller.org_id}:{caller.user_id}" if caller.user_id is not None else f"service:{caller.service}"
