"""Keys and tokens as auth makes them, for tests."""

import time
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import OKPKey

ISSUER = "raia"
USER = UUID("0197b0b0-0000-7000-8000-000000000001")
ORG = UUID("0197b0b0-0000-7000-8000-00000000000a")


def make_key(kid: str | None = None) -> OKPKey:
    """A key pair; with the id given, else the thumbprint."""
    return OKPKey.generate_key("Ed25519", {"kid": kid} if kid else None, auto_kid=kid is None)


def public(key: OKPKey) -> dict[str, str]:
    """The key as the JWK Set publishes it."""
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


def sign(key: OKPKey, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """An access token of a user's session unless the claims say otherwise; a claim of None is left out."""
    now = int(time.time())
    base = {
        "iss": ISSUER, "aud": "raia", "iat": now, "exp": now + 600, "sub": str(USER), "org": str(ORG), "sid": "s1",
    }  # fmt: skip
    payload = {name: value for name, value in (base | claims).items() if value is not None}
    named = {"alg": "Ed25519", "kid": key.kid} | (header or {})
    return jwt.encode({n: v for n, v in named.items() if v is not None}, payload, key, algorithms=["Ed25519"])
