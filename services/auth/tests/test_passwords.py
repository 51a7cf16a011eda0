import threading

import bcrypt
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_auth.errors import PasswordWeak, SignInBusy
from raia_auth.passwords import PasswordHashing, check_password, is_importable

pytestmark = pytest.mark.fast

GOOD = "a harbour at seven"


@pytest.fixture(scope="module")
def hashing() -> PasswordHashing:
    return PasswordHashing(concurrency=2)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "ninechars",
        "password123",
        "Password123",
        "1234567890",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "correcthorsebatterystaple",
        "abcdefghijkl",
        "x" * 1025,
    ],
)
def test_weak_passwords_are_refused(password):
    with pytest.raises(PasswordWeak) as caught:
        check_password(password, "ada@example.org")
    assert caught.value.reason == "PASSWORD_WEAK"
    assert caught.value.violations[0].field == "password"


@pytest.mark.parametrize("password", ["ada.lovelace@example.org", "Ada.Lovelace", "ada.lovelace1", "ADA.LOVELACE99"])
def test_the_address_is_no_password(password):
    with pytest.raises(PasswordWeak):
        check_password(password, "ada.lovelace@example.org")


@pytest.mark.parametrize("password", [GOOD, "0123456789-0", "ünïcödé pässwörd", "ada drinks tea at noon"])
def test_other_passwords_need_no_special_characters(password):
    check_password(password, "ada@example.org")


def test_a_hash_is_argon2id_with_the_advised_cost_and_verifies(hashing):
    stored = hashing.hash(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashing.verify(stored, GOOD) == hashing.verify(stored, GOOD)
    assert hashing.verify(stored, GOOD).matches
    assert not hashing.verify(stored, GOOD).outdated
    assert not hashing.verify(stored, GOOD + " ").matches


def test_nobody_never_matches(hashing):
    assert not hashing.verify(None, GOOD).matches
    assert not hashing.verify(None, "").matches


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
def test_imported_bcrypt_hashes_verify_and_are_outdated(hashing, prefix):
    stored = bcrypt.hashpw(GOOD.encode(), bcrypt.gensalt(4, prefix=prefix)).decode()
    assert is_importable(stored)
    verdict = hashing.verify(stored, GOOD)
    assert verdict.matches
    assert verdict.outdated
    assert not hashing.verify(stored, GOOD.upper()).matches


def test_php_spelling_of_bcrypt_verifies(hashing):
    stored = bcrypt.hashpw(GOOD.encode(), bcrypt.gensalt(4)).decode()
    assert hashing.verify("$2y$" + stored[4:], GOOD).matches


def test_bcrypt_compares_the_72_bytes_that_it_knows(hashing):
    long = "ä" * 50
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert hashing.verify(stored, long).matches


def test_weaker_argon2_hashes_are_outdated(hashing):
    stored = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    assert hashing.verify(stored, GOOD) == hashing.verify(stored, GOOD)
    assert hashing.verify(stored, GOOD).outdated


@settings(max_examples=30, deadline=None)
@given(stored=st.text(max_size=80), password=st.text(max_size=40))
def test_damaged_hashes_never_match_and_never_raise(hashing, stored, password):
    assert not hashing.verify(stored, password).matches
    assert not hashing.verify("$2b$" + stored, password).matches


def test_no_more_hashes_at_once_than_allowed():
    hashing = PasswordHashing(concurrency=1, patience=0.05)
    started, release = threading.Event(), threading.Event()

    def occupy() -> None:
        with hashing._place():
            started.set()
            release.wait(5)

    thread = threading.Thread(target=occupy)
    thread.start()
    started.wait(5)
    try:
        with pytest.raises(SignInBusy):
            hashing.hash(GOOD)
    finally:
        release.set()
        thread.join()
    assert hashing.hash(GOOD)


def test_others_run_while_a_hash_is_computed():
    hashing = PasswordHashing(concurrency=1)
    thread = threading.Thread(target=lambda: [hashing.hash(GOOD) for _ in range(10)])
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
    assert turns > 1000
