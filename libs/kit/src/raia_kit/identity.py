"""Who calls: access tokens and service assertions are verified here, and a service proves itself here."""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry
from raia.auth.v1 import key_service_pb2, key_service_pb2_grpc, token_service_pb2, token_service_pb2_grpc

from raia_kit.context import Caller
from raia_kit.errors import RaiaError, Unauthenticated, Unavailable
from raia_kit.ids import new_id

ALGORITHM = "Ed25519"
"""The one signature algorithm, by its name in RFC 9864."""
AUDIENCE = "raia"
"""Audience of access tokens."""
ASSERTION_AUDIENCE = "raia.auth"
"""Audience of service assertions: auth alone takes them."""
LEEWAY = 5
"""Seconds by which the clocks of two machines may differ."""
ASSERTION_SECONDS = 60
"""How long a service assertion holds, at most."""
_LONGEST_TOKEN = 8 * 1024
_SERVICE_PREFIX = "service:"

Jwk = Mapping[str, str]
"""One public key as a JSON Web Key."""
JwksSource = Callable[[], Iterable[Jwk]]
"""Answers the issuer's public keys; may raise ``RaiaError`` when auth is away."""
S = TypeVar("S")


class Channels(Protocol):
    """What identity needs of ``raia_kit.channels.ServiceChannels``."""

    def stub(self, stub_class: Callable[[Any], S], service: str, token: str | None = None) -> S:
        """A stub of ``service`` whose calls carry ``token``; without one the current caller's."""


class TokenVerifier:
    """Verifies bearer tokens against the issuer's keys; safe to share between threads.

    A verdict is kept by the token's hash until the token expires, so a token costs its signature check once. Keys are
    fetched when a token names an unknown one, though at most every ``refetch_seconds``, and anew every ten minutes.
    """

    def __init__(
        self,
        jwks_source: JwksSource,
        issuer: str,
        *,
        service_keys: Mapping[str, Jwk] | None = None,
        refetch_seconds: float = 5.0,
        cache_size: int = 10_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``service_keys`` (public keys by service name) makes service assertions acceptable: auth alone gives it."""
        self._issuer, self._now = issuer, now
        self._keys = _KeyRing(jwks_source, refetch_seconds)
        self._service_keys = {name: OKPKey.import_key(dict(key)) for name, key in (service_keys or {}).items()}
        self._verdicts: OrderedDict[bytes, Caller] = OrderedDict()
        self._cache_size = cache_size
        self._lock = threading.Lock()

    def verify(self, token: str) -> Caller:
        """The caller that the token proves.

        Raises ``Unauthenticated`` (TOKEN_INVALID, TOKEN_EXPIRED), or ``Unavailable`` (KEYS_UNAVAILABLE) while the
        issuer's keys cannot be had. Whether the session was revoked is the access index's question.
        """
        if len(token) > _LONGEST_TOKEN:
            raise _invalid()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._recall(digest)
        if known is not None:
            return known
        caller = self._check(token)
        with self._lock:
            self._verdicts[digest] = caller
            while len(self._verdicts) > self._cache_size:
                self._verdicts.popitem(last=False)
        return caller

    def _recall(self, digest: bytes) -> Caller | None:
        with self._lock:
            caller = self._verdicts.get(digest)
            if caller is None:
                return None
            if caller.expires_at + LEEWAY <= self._now():
                del self._verdicts[digest]
                raise _expired()
            self._verdicts.move_to_end(digest)
            return caller

    def _check(self, token: str) -> Caller:
        if self._service_keys:
            issuer = unverified_claims(token).get("iss")
            if isinstance(issuer, str) and issuer.startswith(_SERVICE_PREFIX):
                return self._check_assertion(token, issuer)
        claims = self._claims(token, self._keys.find, self._issuer, AUDIENCE)
        return _caller(token, claims)

    def _check_assertion(self, token: str, issuer: str) -> Caller:
        name = issuer.removeprefix(_SERVICE_PREFIX)
        key = self._service_keys.get(name)
        if key is None:
            raise _invalid()
        claims = self._claims(token, lambda _kid: key, issuer, ASSERTION_AUDIENCE)
        issued = claims.get("iat")
        if claims["sub"] != issuer or not isinstance(issued, int) or claims["exp"] - issued > ASSERTION_SECONDS:
            raise _invalid()
        return Caller(None, None, service=name, scope=frozenset(), token=token, expires_at=float(claims["exp"]))

    def _claims(self, token: str, find: Callable[[str], OKPKey], issuer: str, audience: str) -> dict[str, Any]:
        rules = JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            decoded = jwt.decode(token, lambda signed: find(signed.headers().get("kid", "")), algorithms=[ALGORITHM])
            rules.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise _expired() from error
        except (JoseError, ValueError, TypeError) as error:
            raise _invalid() from error
        return decoded.claims


class _KeyRing:
    """The issuer's public keys by id."""

    _MAX_AGE = 600.0
    _FAILURE_PAUSE = 1.0

    def __init__(self, source: JwksSource, refetch_seconds: float) -> None:
        self._source, self._refetch = source, refetch_seconds
        self._keys: dict[str, OKPKey] = {}
        self._fetched = self._failed = float("-inf")
        self._lock = threading.Lock()

    def find(self, kid: str) -> OKPKey:
        """The key with this id; raises ``Unauthenticated`` when the issuer has none."""
        if kid not in self._keys or time.monotonic() - self._fetched > self._MAX_AGE:
            with self._lock:
                self._fetch(kid)
        key = self._keys.get(kid)
        if key is None:
            raise _invalid()
        return key

    def _fetch(self, kid: str) -> None:
        now = time.monotonic()
        known = kid in self._keys
        if now - self._fetched < (self._MAX_AGE if known else self._refetch):
            return
        if now - self._failed < self._FAILURE_PAUSE:
            if known:
                return
            raise _keys_unavailable()
        try:
            keys = [OKPKey.import_key(dict(key)) for key in self._source() if key.get("crv") == ALGORITHM]
        except (RaiaError, OSError) as error:
            self._failed = time.monotonic()
            if known:
                return  # what was published ten minutes ago still verifies; it is asked for again in a second
            raise _keys_unavailable() from error
        self._keys = {str(key.kid): key for key in keys}
        self._fetched = time.monotonic()


def jwks_of_auth(channels: Channels) -> JwksSource:
    """The issuer's keys, asked of auth's KeyService."""

    def fetch() -> Sequence[Jwk]:
        stub = channels.stub(key_service_pb2_grpc.KeyServiceStub, "auth", token="")
        answer = stub.GetJwks(key_service_pb2.GetJwksRequest())
        return [{f.name: str(v) for f, v in key.ListFields()} for key in answer.keys]

    return fetch


def unverified_claims(token: str) -> dict[str, Any]:
    """The claims of a token as it states them, unchecked; raises ``Unauthenticated`` (TOKEN_INVALID) on no JWT."""
    try:
        claims = json.loads(extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError) as error:
        raise _invalid() from error
    if not isinstance(claims, dict):
        raise _invalid()
    return claims


def is_assertion(caller: Caller) -> bool:
    """Whether a verified caller proved itself by a service assertion rather than by a token of auth."""
    return bool(caller.token) and unverified_claims(caller.token).get("iss") == f"{_SERVICE_PREFIX}{caller.service}"


def _caller(token: str, claims: Mapping[str, Any]) -> Caller:
    act = claims.get("act")
    service = act.get("sub") if isinstance(act, Mapping) else None
    scope, subject = claims.get("scope"), claims["sub"]
    if act is not None and not (isinstance(service, str) and service):
        raise _invalid()
    if scope is not None and not isinstance(scope, str):
        raise _invalid()
    try:
        user_id = None if service and subject == f"{_SERVICE_PREFIX}{service}" else UUID(subject)
        org_id = UUID(claims["org"]) if claims.get("org") else None
    except (ValueError, TypeError, AttributeError) as error:
        raise _invalid() from error
    # A service that acts holds what its scope says and, unlike a user's own session, nothing when it says nothing.
    limited = frozenset((scope or "").split()) if scope is not None or service else None
    return Caller(
        user_id=user_id,
        org_id=org_id,
        session_id=claims.get("sid"),
        service=service,
        scope=limited,
        job_id=claims.get("job") or None,
        token=token,
        expires_at=float(claims["exp"]),
    )


def _invalid() -> Unauthenticated:
    return Unauthenticated("the token does not hold; sign in again", reason="TOKEN_INVALID")


def _expired() -> Unauthenticated:
    return Unauthenticated("the token has expired; refresh it or sign in again", reason="TOKEN_EXPIRED")


def _keys_unavailable() -> Unavailable:
    return Unavailable("tokens cannot be verified right now; try again", reason="KEYS_UNAVAILABLE", retry_after=1.0)


class ServiceIdentity:
    """Proves this service to auth and gets tokens to act for users; safe to share between threads."""

    _ASSERTION_MARGIN = 15.0
    _TOKEN_MARGIN = 30.0
    _LARGEST = 10_000

    def __init__(
        self, service: str, key_file: Path, channels: Channels, *, now: Callable[[], float] = time.time
    ) -> None:
        """Reads the private Ed25519 JWK in ``key_file``; raises ``ValueError`` or ``OSError`` when it is none."""
        self.service = service
        self._channels, self._now = channels, now
        self._key = OKPKey.import_key(json.loads(key_file.read_text()))
        if self._key.curve_name != ALGORITHM or not self._key.is_private:
            raise ValueError(f"{key_file} holds no private {ALGORITHM} key")
        self._lock = threading.Lock()
        self._assertion = ("", 0.0)
        self._tokens: OrderedDict[tuple[str, ...], tuple[str, float]] = OrderedDict()

    @property
    def public_key(self) -> dict[str, str]:
        """The public half, which auth's settings name."""
        return {name: str(value) for name, value in self._key.as_dict(private=False).items()}

    def assertion(self) -> str:
        """A JWT of at most 60 s, signed with the service's own key, that auth's TokenService takes as proof."""
        with self._lock:
            token, expires = self._assertion
            now = self._now()
            if expires - now < self._ASSERTION_MARGIN:
                issuer, expires = f"{_SERVICE_PREFIX}{self.service}", int(now) + ASSERTION_SECONDS
                claims = {
                    "iss": issuer,
                    "sub": issuer,
                    "aud": ASSERTION_AUDIENCE,
                    "iat": int(now),
                    "exp": expires,
                    "jti": str(new_id()),
                }
                token = jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])
                self._assertion = (token, float(expires))
            return token

    def exchange(
        self, user_id: UUID | None, org_id: UUID | None, job_id: str = "", permissions: Iterable[str] = ()
    ) -> str:
        """A token by which this service acts for the user in the organisation, limited to ``permissions``.

        Kept until half a minute before it expires. Raises what auth answers: ``PermissionDenied`` for a permission that
        no contract lists for this service's jobs, ``Unavailable`` while auth is away.
        """
        wanted = sorted(set(permissions))
        key = (str(user_id or ""), str(org_id or ""), job_id, *wanted)
        with self._lock:
            token, expires = self._tokens.get(key, ("", 0.0))
            if expires - self._now() > self._TOKEN_MARGIN:
                self._tokens.move_to_end(key)
                return token
        stub = self._channels.stub(token_service_pb2_grpc.TokenServiceStub, "auth", token=self.assertion())
        answer = stub.Exchange(
            token_service_pb2.ExchangeRequest(user_id=key[0], org_id=key[1], job_id=job_id, permissions=wanted)
        )
        with self._lock:
            self._tokens[key] = (answer.access_token, self._now() + answer.expires_in)
            self._tokens.move_to_end(key)
            while len(self._tokens) > self._LARGEST:
                self._tokens.popitem(last=False)
        return answer.access_token
