"""Access tokens: short-lived JWTs that name user, organisation and session, and hold no permissions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from raia_kit.identity import AUDIENCE
from raia_kit.ids import new_id

from raia_auth.keys.service import ALGORITHM, KeyRing

ACCESS_LIFETIME = timedelta(minutes=10)
EXCHANGED_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class AccessToken:
    """A signed token and when it ends."""

    token: str
    expires_at: datetime
    expires_in: int
    """Seconds it lives from its issue on."""


class TokenIssuer:
    """Signs access tokens with the key of the moment."""

    def __init__(self, ring: KeyRing, issuer: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ring, self._issuer, self._now = ring, issuer, now

    def for_session(self, user_id: UUID, org_id: UUID, session_id: str) -> AccessToken:
        """A user's own token: ten minutes, no permissions inside."""
        return self._sign({"sub": str(user_id), "org": str(org_id), "sid": session_id}, ACCESS_LIFETIME)

    def for_job(self, user_id: UUID, org_id: UUID, service: str, scope: Iterable[str], job_id: str) -> AccessToken:
        """A service's token to act for a user: five minutes, limited to ``scope``."""
        claims = {
            "sub": str(user_id),
            "org": str(org_id),
            "act": {"sub": service},
            "scope": " ".join(sorted(scope)),
            "job": job_id,
        }
        return self._sign(claims, EXCHANGED_LIFETIME)

    def for_service(self, service: str, org_id: UUID | None, job_id: str) -> AccessToken:
        """A service's token about nobody: it opens the internal rpcs that list the service, and nothing else."""
        claims = {"sub": f"service:{service}", "act": {"sub": service}, "scope": "", "job": job_id}
        return self._sign(claims | ({"org": str(org_id)} if org_id else {}), EXCHANGED_LIFETIME)

    def _sign(self, claims: dict[str, Any], lifetime: timedelta) -> AccessToken:
        now, key = self._now(), self._ring.signing_key()
        issued = int(now.timestamp())
        expires = issued + int(lifetime.total_seconds())
        payload = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": expires,
            "jti": str(new_id()),
            **claims,
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "at+jwt"}
        token = jwt.encode(header, payload, key, algorithms=[ALGORITHM])
        return AccessToken(token, datetime.fromtimestamp(expires, UTC), expires - issued)
