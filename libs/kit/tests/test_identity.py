"""Tokens are believed for what they prove and nothing else."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey
from raia.auth.v1 import key_service_pb2, key_service_pb2_grpc, token_service_pb2, token_service_pb2_grpc
from raia_kit.channels import ServiceChannels
from raia_kit.errors import Unauthenticated, Unavailable
from raia_kit.identity import ServiceIdentity, TokenVerifier, is_assertion, jwks_of_auth
from raia_kit.settings import ServiceSettings

from .tokens import ISSUER, ORG, USER, make_key, public, sign

pytestmark = pytest.mark.fast


class Issuer:
    """A published key set that counts how often it is read."""

    def __init__(self, *keys: OKPKey) -> None:
        self.keys = list(keys)
        self.reads = 0
        self.away = False

    def __call__(self) -> list[dict[str, str]]:
        self.reads += 1
        if self.away:
            raise Unavailable("auth is away", reason="SERVICE_UNAVAILABLE")
        return [public(key) for key in self.keys]


KEY = make_key()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(KEY)


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(issuer, ISSUER)


def reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(token)
    return refused.value.reason


def test_a_users_token_names_user_organisation_and_session(verifier: TokenVerifier) -> None:
    token = sign(KEY)
    caller = verifier.verify(token)
    assert (caller.user_id, caller.org_id, caller.session_id, caller.service) == (USER, ORG, "s1", None)
    assert caller.scope is None
    assert caller.token == token
    assert not is_assertion(caller)


def test_an_exchanged_token_names_the_service_its_scope_and_job(verifier: TokenVerifier) -> None:
    caller = verifier.verify(sign(KEY, sid=None, act={"sub": "ml"}, scope="datasets.read models.train", job="j1"))
    assert (caller.user_id, caller.service, caller.job_id) == (USER, "ml", "j1")
    assert caller.scope == {"datasets.read", "models.train"}


def test_a_service_without_a_scope_holds_nothing(verifier: TokenVerifier) -> None:
    caller = verifier.verify(sign(KEY, sub="service:ml", org=None, sid=None, act={"sub": "ml"}))
    assert (caller.user_id, caller.org_id, caller.scope) == (None, None, frozenset())


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"iss": None}, {"iss": ["raia"]}, {"aud": "other"}, {"aud": None}, {"exp": None},
        {"exp": "tomorrow"}, {"exp": float("nan")}, {"exp": True}, {"sub": None}, {"sub": "nobody"}, {"sub": 3},
        {"sub": "service:ml"}, {"org": "nowhere"}, {"org": 7}, {"act": "ml"}, {"act": {}}, {"scope": ["a"]},
        {"nbf": time.time() + 86400}, {"iat": time.time() + 86400}, {"act": {"sub": "ml"}, "sub": "service:ingest"},
    ],
)  # fmt: skip
def test_claims_that_do_not_fit_are_refused(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    assert reason(verifier, sign(KEY, **claims)) == "TOKEN_INVALID"


def test_expiry_is_told_apart_and_clocks_may_differ_by_five_seconds(issuer: Issuer) -> None:
    now = [1_800_000_000.0]
    verifier = TokenVerifier(issuer, ISSUER, now=lambda: now[0])
    token = sign(KEY, iat=int(now[0]), exp=int(now[0]) + 600)
    verifier.verify(token)
    now[0] += 604
    verifier.verify(token)
    now[0] += 2
    assert reason(verifier, token) == "TOKEN_EXPIRED"  # the kept verdict
    assert reason(verifier, token) == "TOKEN_EXPIRED"  # a new one


def test_only_ed25519_signatures_count(verifier: TokenVerifier) -> None:
    claims = jwt.decode(sign(KEY), KEY, algorithms=["Ed25519"]).claims
    curve = ECKey.generate_key("P-256", {"kid": str(KEY.kid)})
    secret = OctKey.import_key(json.dumps(public(KEY)))  # the public key taken for a shared secret
    for algorithm, key in (("ES256", curve), ("HS256", secret)):
        assert reason(verifier, jwt.encode({"alg": algorithm, "kid": KEY.kid}, claims, key)) == "TOKEN_INVALID"
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": KEY.kid}).encode()).rstrip(b"=").decode()
    assert reason(verifier, f"{header}.{sign(KEY).split('.')[1]}.") == "TOKEN_INVALID"
    old_name = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
    with pytest.warns(match="deprecated"):
        renamed = jwt.encode({"alg": "EdDSA", "kid": KEY.kid}, claims, KEY, registry=old_name)
    assert reason(verifier, renamed) == "TOKEN_INVALID"


def test_a_key_that_the_token_brings_itself_does_not_count(verifier: TokenVerifier) -> None:
    other = make_key(str(KEY.kid))
    assert reason(verifier, sign(other)) == "TOKEN_INVALID"
    with_jwk = sign(other, header={"jwk": public(other)})
    assert reason(verifier, with_jwk) == "TOKEN_INVALID"
    assert reason(verifier, sign(make_key(), header={"kid": None})) == "TOKEN_INVALID"


TOKEN = sign(KEY)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("Aa0_-.=/ é"))
def test_a_token_that_was_changed_anywhere_does_not_hold(place: int, letter: str) -> None:
    verifier = TokenVerifier(Issuer(KEY), ISSUER)
    changed = TOKEN[:place] + letter + TOKEN[place + 1 :]
    try:
        caller = verifier.verify(changed)
    except Unauthenticated:
        return
    # The last letter of a base64 text carries bits that mean nothing.
    assert place in (len(TOKEN) - 1,) or changed == TOKEN
    assert caller.user_id == USER


@given(st.text(max_size=200))
def test_whatever_comes_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        TokenVerifier(Issuer(KEY), ISSUER).verify(text)
    assert refused.value.reason == "TOKEN_INVALID"


def test_a_token_that_is_too_long_is_not_looked_at(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert reason(verifier, sign(KEY, filler="x" * 9000)) == "TOKEN_INVALID"
    assert issuer.reads == 0


def test_keys_are_fetched_for_an_unknown_one_but_not_for_each_call(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer, ISSUER, refetch_seconds=0.3)
    verifier.verify(sign(KEY))
    rotated = make_key()
    for _ in range(20):
        assert reason(verifier, sign(rotated)) == "TOKEN_INVALID"
    assert issuer.reads == 1
    issuer.keys.insert(0, rotated)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            verifier.verify(sign(rotated))
            break
        except Unauthenticated:
            time.sleep(0.05)
    assert verifier.verify(sign(rotated)).user_id == USER
    assert verifier.verify(sign(KEY)).user_id == USER
    assert issuer.reads == 2


def test_known_tokens_hold_while_auth_is_away_and_others_are_unavailable(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer, ISSUER, refetch_seconds=0.0)
    token = sign(KEY)
    verifier.verify(token)
    issuer.away = True
    assert verifier.verify(token).user_id == USER
    assert verifier.verify(sign(KEY, sid="s2")).session_id == "s2"
    for _ in range(10):
        with pytest.raises(Unavailable) as away:
            verifier.verify(sign(make_key()))
        assert away.value.reason == "KEYS_UNAVAILABLE"
    assert issuer.reads == 2  # an outage is asked about once a second


def test_a_verdict_is_kept_and_their_number_is_bounded(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer, ISSUER, cache_size=2)
    tokens = [sign(KEY, sid=f"s{number}") for number in range(3)]
    callers = [verifier.verify(token) for token in tokens]
    assert verifier.verify(tokens[2]) is callers[2]
    assert verifier.verify(tokens[0]) is not callers[0]


def test_threads_share_one_fetch(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer, ISSUER)
    tokens = [sign(KEY, sid=f"s{number}") for number in range(8)]
    with futures.ThreadPoolExecutor(8) as pool:
        assert {caller.session_id for caller in pool.map(verifier.verify, tokens)} == {f"s{n}" for n in range(8)}
    assert issuer.reads == 1


# --- services


class Auth(token_service_pb2_grpc.TokenServiceServicer, key_service_pb2_grpc.KeyServiceServicer):
    """Answers as auth does, on a real server."""

    def __init__(self) -> None:
        self.key = make_key()
        self.exchanges: list[token_service_pb2.ExchangeRequest] = []
        self.assertions: list[str] = []
        self.expires_in = 300

    def GetJwks(self, request: Any, context: Any) -> key_service_pb2.Jwks:
        return key_service_pb2.Jwks(keys=[key_service_pb2.Jwk(**public(self.key), alg="Ed25519", use="sig")])

    def Exchange(self, request: Any, context: Any) -> token_service_pb2.ExchangedToken:
        self.exchanges.append(request)
        self.assertions.append(dict(context.invocation_metadata())["authorization"].removeprefix("Bearer "))
        claims = {"sub": request.user_id, "org": request.org_id, "sid": None, "act": {"sub": "ml"}}
        token = sign(self.key, **claims, scope=" ".join(request.permissions), job=request.job_id or None)
        return token_service_pb2.ExchangedToken(access_token=token, expires_in=self.expires_in)


@pytest.fixture
def auth() -> Iterator[tuple[Auth, ServiceChannels]]:
    servicer = Auth()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    token_service_pb2_grpc.add_TokenServiceServicer_to_server(servicer, server)
    key_service_pb2_grpc.add_KeyServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with ServiceChannels(ServiceSettings(services={"auth": f"127.0.0.1:{port}"})) as channels:
        yield servicer, channels
    server.stop(0).wait()


@pytest.fixture
def make_identity(tmp_path: Path, auth: tuple[Auth, ServiceChannels]) -> Callable[..., ServiceIdentity]:
    key_file = tmp_path / "ml.jwk"
    key_file.write_text(json.dumps(make_key().as_dict(private=True)))
    return lambda **options: ServiceIdentity("ml", key_file, auth[1], **options)


def test_a_service_proves_itself_where_assertions_are_accepted(
    make_identity: Callable[..., ServiceIdentity], issuer: Issuer
) -> None:
    identity = make_identity()
    accepting = TokenVerifier(issuer, ISSUER, service_keys={"ml": identity.public_key})
    caller = accepting.verify(identity.assertion())
    assert (caller.service, caller.user_id, caller.org_id, caller.scope) == ("ml", None, None, frozenset())
    assert is_assertion(caller)
    assert identity.assertion() == identity.assertion()
    assert reason(TokenVerifier(issuer, ISSUER), identity.assertion()) == "TOKEN_INVALID"
    strangers = TokenVerifier(issuer, ISSUER, service_keys={"ingest": identity.public_key, "ml": public(make_key())})
    assert reason(strangers, identity.assertion()) == "TOKEN_INVALID"


def test_an_assertion_is_short_lived_and_names_the_service_alone(
    make_identity: Callable[..., ServiceIdentity], issuer: Issuer, tmp_path: Path
) -> None:
    key = OKPKey.import_key(json.loads((tmp_path / "ml.jwk").read_text()))
    verifier = TokenVerifier(issuer, ISSUER, service_keys={"ml": public(key)})
    now = int(time.time())
    base = {"iss": "service:ml", "sub": "service:ml", "aud": "raia.auth", "org": None, "sid": None}
    verifier.verify(sign(key, **base, exp=now + 60))
    for changed in ({"exp": now + 3600}, {"sub": str(USER)}, {"aud": "raia"}, {"iss": "service:ingest"}, {"iat": None}):
        assert reason(verifier, sign(key, **(base | {"exp": now + 60} | changed))) == "TOKEN_INVALID"


def test_a_services_key_signs_no_access_tokens(issuer: Issuer) -> None:
    key = make_key()
    verifier = TokenVerifier(issuer, ISSUER, service_keys={"ml": public(key)})
    assert reason(verifier, sign(key)) == "TOKEN_INVALID"
    assert reason(verifier, sign(KEY, iss="service:ml", aud="raia.auth", sub="service:ml")) == "TOKEN_INVALID"


def test_tokens_are_exchanged_and_kept_until_shortly_before_they_end(
    make_identity: Callable[..., ServiceIdentity], auth: tuple[Auth, ServiceChannels], issuer: Issuer
) -> None:
    now = [time.time()]
    identity = make_identity(now=lambda: now[0])
    token = identity.exchange(USER, ORG, "j1", {"datasets.read", "models.train"})
    caller = TokenVerifier(jwks_of_auth(auth[1]), ISSUER).verify(token)
    assert (caller.user_id, caller.org_id, caller.job_id) == (USER, ORG, "j1")
    assert caller.scope == {"datasets.read", "models.train"}
    assert identity.exchange(USER, ORG, "j1", ["models.train", "datasets.read"]) == token
    assert identity.exchange(USER, ORG, "j2", ["models.train", "datasets.read"]) != token
    assert len(auth[0].exchanges) == 2
    now[0] += 271
    identity.exchange(USER, ORG, "j1", ["models.train", "datasets.read"])
    assert len(auth[0].exchanges) == 3
    proven = TokenVerifier(issuer, ISSUER, service_keys={"ml": identity.public_key}, now=lambda: now[0])
    assert proven.verify(auth[0].assertions[-1]).service == "ml"


def test_a_key_file_without_a_private_key_is_refused(tmp_path: Path, auth: tuple[Auth, ServiceChannels]) -> None:
    path = tmp_path / "public.jwk"
    path.write_text(json.dumps(public(make_key())))
    with pytest.raises(ValueError, match="no private Ed25519 key"):
        ServiceIdentity("ml", path, auth[1])


def test_threads_may_exchange_at_once(
    make_identity: Callable[..., ServiceIdentity], auth: tuple[Auth, ServiceChannels]
) -> None:
    identity, start = make_identity(), threading.Barrier(8)

    def exchange(number: int) -> str:
        start.wait()
        return identity.exchange(USER, ORG, f"j{number}", ["datasets.read"])

    with futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(exchange, range(8)))) == 8
