import base64
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from raia_auth.keys.repository import SqlSigningKeyRepository
from raia_auth.keys.service import KeyRing
from raia_auth.keys.tables import signing_key
from raia_auth.keys.tokens import TokenIssuer
from raia_kit.errors import Unavailable
from raia_kit.ids import new_id
from raia_kit.sealing import Sealer
from sqlalchemy import select

from ..rig import wait_until

START = datetime(2026, 1, 1, tzinfo=UTC)


def envelope_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(service_database):
    return service_database("auth", pool_size=6).database


def ring(database, clock, key=None):
    return KeyRing(database, SqlSigningKeyRepository(), Sealer([key or envelope_key()]), clock)


def test_one_key_signs_for_thirty_days_and_its_successor_is_known_a_day_before(database, clock):
    keys = ring(database, clock)
    first = keys.signing_key().kid
    assert [key["kid"] for key in keys.public_keys()] == [first]
    clock.now += timedelta(days=29, minutes=1)
    keys.reload()
    assert keys.signing_key().kid == first
    second, published_first = [key["kid"] for key in keys.public_keys()]
    assert published_first == first
    clock.now = START + timedelta(days=30, seconds=1)
    assert keys.signing_key().kid == second
    assert len(keys.public_keys()) == 2
    clock.now += timedelta(hours=2)
    keys.reload()
    assert [key["kid"] for key in keys.public_keys()] == [second]


def test_tokens_of_a_retired_key_verify_until_they_end(database, clock):
    keys = ring(database, clock)
    clock.now = START + timedelta(days=30) - timedelta(seconds=1)
    keys.reload()
    token = TokenIssuer(keys, "raia", clock).for_session(new_id(), new_id(), "s").token
    clock.now += timedelta(minutes=10)
    keys.reload()
    published = KeySet.import_key_set({"keys": keys.public_keys()})
    assert jwt.decode(token, published, algorithms=["Ed25519"]).claims["sid"] == "s"


def test_after_a_long_sleep_a_new_key_signs_at_once(database, clock):
    keys = ring(database, clock)
    first = keys.signing_key().kid
    clock.now += timedelta(days=200)
    assert keys.signing_key().kid != first
    assert len(keys.public_keys()) == 1


def test_processes_that_start_together_agree_on_one_key(database, clock):
    key = envelope_key()
    with ThreadPoolExecutor(6) as pool:
        kids = set(pool.map(lambda _: ring(database, clock, key).signing_key().kid, range(6)))
    assert len(kids) == 1


def test_private_keys_are_sealed_at_rest_and_public_ones_hold_no_secret(database, clock):
    keys = ring(database, clock)
    private = keys.signing_key().as_dict(private=True)["d"]
    with database.platform_unit_of_work() as unit:
        row = unit.session.execute(select(signing_key)).one()
    raw = base64.urlsafe_b64decode(private + "=")
    assert raw not in row.private_key
    assert private.encode() not in row.private_key
    assert set(keys.public_keys()[0]) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert keys.public_keys()[0]["alg"] == "Ed25519"


def test_keys_move_to_a_new_envelope_key(database, clock):
    old, new = envelope_key(), envelope_key()
    kid = ring(database, clock, old).signing_key().kid
    assert KeyRing(database, SqlSigningKeyRepository(), Sealer([new, old]), clock).signing_key().kid == kid
    assert ring(database, clock, new).signing_key().kid == kid


def test_keys_in_memory_go_on_while_the_database_is_away(service_database, clock):
    held = service_database("auth")
    keys = ring(held.database, clock)
    kid = keys.signing_key().kid
    held.database.close()
    with psycopg.connect(held.admin_url, autocommit=True) as connection:
        connection.execute("alter role raia_auth nologin")
        try:
            keys._loaded_at = float("-inf")
            assert keys.signing_key().kid == kid
            clock.now += timedelta(days=40)
            with pytest.raises(Unavailable):
                keys.signing_key()
        finally:
            connection.execute("alter role raia_auth login")
    assert keys.signing_key().kid != kid


def test_who_signs_within_a_transaction_waits_for_no_second_connection(service_database, clock):
    database = service_database("auth", pool_size=1).database
    keys = ring(database, clock)
    kid = keys.signing_key().kid
    keys._loaded_at = stale = float("-inf")
    with database.platform_unit_of_work() as unit:
        unit.session.execute(select(signing_key.c.kid))
        begun = time.monotonic()
        assert keys.signing_key().kid == kid
        assert time.monotonic() - begun < 1
    wait_until(lambda: keys._loaded_at != stale)
