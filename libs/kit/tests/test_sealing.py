import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_kit.sealing import Sealer, UnsealError

pytestmark = pytest.mark.fast


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


SEALER = Sealer([key()])


@given(secret=st.binary(max_size=200), purpose=st.text(max_size=20))
def test_what_is_sealed_can_be_unsealed_for_the_same_purpose_alone(secret, purpose):
    sealed = SEALER.seal(secret, purpose)
    assert SEALER.unseal(sealed, purpose) == secret
    with pytest.raises(UnsealError):
        SEALER.unseal(sealed, purpose + "x")


@given(data=st.data())
def test_every_damaged_byte_is_noticed(data):
    sealed = bytearray(SEALER.seal(b"secret", "p"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnsealError):
        SEALER.unseal(bytes(sealed), "p")


@given(junk=st.binary(max_size=120))
def test_junk_is_no_secret(junk):
    with pytest.raises(UnsealError):
        SEALER.unseal(junk, "p")


def test_an_envelope_key_can_be_replaced():
    old, new = key(), key()
    sealed = Sealer([old]).seal(b"secret", "p")
    both = Sealer([new, old])
    assert both.unseal(sealed, "p") == b"secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(b"secret", "p"))
    with pytest.raises(UnsealError):
        Sealer([new]).unseal(sealed, "p")


@pytest.mark.parametrize(
    "keys", [[], ["short"], [base64.b64encode(b"31 bytes only, which is too few").decode()], ["?" * 44]]
)
def test_a_wrong_envelope_key_is_refused_at_once(keys):
    with pytest.raises(ValueError):
        Sealer(keys)


def test_keys_in_either_alphabet_of_base64_are_taken():
    raw = b"\xfb\xff" * 16
    sealed = Sealer([base64.b64encode(raw).decode()]).seal(b"s", "p")
    assert Sealer([base64.urlsafe_b64encode(raw).decode()]).unseal(sealed, "p") == b"s"
