"""Tokens that must not hold: each is tried against the running service."""

import base64
import json
import time

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey
from raia.auth.v1 import authentication_service_pb2 as authn
from raia_kit.ids import new_id

from ..rig import bearer, failure_of


@pytest.fixture(scope="module")
def person(rig):
    return rig.register()


def claims_of(rig, person, **changes):
    now = int(time.time())
    claims = {
        "iss": rig.settings.issuer, "aud": "raia", "iat": now, "exp": now + 600, "jti": str(new_id()),
        "sub": person.id, "org": person.org_id, "sid": "s",
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not None}


def signed(rig, claims, key=None, **header):
    own = rig.assembly.ring.signing_key()
    chosen = key or own
    header = {"alg": "Ed25519", "kid": own.kid} | header
    return jwt.encode(header, claims, chosen, algorithms=[header["alg"]])


def raw(header, claims, signature=b""):
    def part(value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}.{part(signature)}"


def me(rig, token):
    return rig.authn.GetMe(authn.GetMeRequest(), metadata=bearer(token))


def refused(rig, token):
    failure = failure_of(lambda: me(rig, token))
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    return failure.reason


def test_a_token_made_like_ours_holds(rig, person):
    assert me(rig, signed(rig, claims_of(rig, person))).user.id == person.id


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_unsigned_tokens_are_refused(rig, person, algorithm):
    kid = rig.assembly.ring.signing_key().kid
    assert refused(rig, raw({"alg": algorithm, "kid": kid}, claims_of(rig, person))) == "TOKEN_INVALID"


def test_the_public_key_is_no_secret_of_an_hmac(rig, person):
    public = rig.assembly.ring.public_keys()[0]
    secret = OctKey.import_key(base64.urlsafe_b64decode(public["x"] + "="))
    assert refused(rig, signed(rig, claims_of(rig, person), secret, alg="HS256")) == "TOKEN_INVALID"


def test_other_algorithms_and_other_keys_are_refused(rig, person):
    claims = claims_of(rig, person)
    assert refused(rig, signed(rig, claims, ECKey.generate_key("P-256"), alg="ES256")) == "TOKEN_INVALID"
    stranger = OKPKey.generate_key("Ed25519")
    assert refused(rig, signed(rig, claims, stranger)) == "TOKEN_INVALID"
    assert refused(rig, signed(rig, claims, stranger, kid="unknown")) == "TOKEN_INVALID"


def test_the_older_name_of_the_algorithm_is_refused(rig, person):
    good = signed(rig, claims_of(rig, person)).split(".")
    header = base64.urlsafe_b64encode(
        json.dumps({"alg": "EdDSA", "kid": rig.assembly.ring.signing_key().kid}).encode()
    ).rstrip(b"=")
    assert refused(rig, ".".join([header.decode(), *good[1:]])) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"sub": "admin"},
        {"org": "not-an-id"},
        {"act": "ingest"},
        {"act": {"sub": ""}},
        {"scope": ["users.manage"]},
    ],
    ids=str,
)
def test_tokens_of_others_or_with_odd_claims_are_refused(rig, person, changes):
    assert refused(rig, signed(rig, claims_of(rig, person, **changes))) == "TOKEN_INVALID"


def test_expired_tokens_are_refused(rig, person):
    now = int(time.time())
    assert refused(rig, signed(rig, claims_of(rig, person, iat=now - 700, exp=now - 60))) == "TOKEN_EXPIRED"


def test_a_changed_payload_breaks_the_signature(rig, person):
    header, _, signature = signed(rig, claims_of(rig, person)).split(".")
    payload = base64.urlsafe_b64encode(json.dumps(claims_of(rig, rig.register())).encode()).rstrip(b"=").decode()
    assert refused(rig, f"{header}.{payload}.{signature}") == "TOKEN_INVALID"


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "....", "9" * 7000])
def test_junk_is_refused(rig, token):
    assert refused(rig, token or " ") in ("TOKEN_INVALID", "TOKEN_MISSING")


def test_a_user_unknown_to_the_organisation_is_nobody(rig, person):
    token = signed(rig, claims_of(rig, person, org=rig.register().org_id))
    assert failure_of(lambda: me(rig, token)).code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED)
