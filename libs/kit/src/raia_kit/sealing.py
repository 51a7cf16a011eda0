"""Envelope encryption of secrets at rest: each secret under its own data key, which the envelope key wraps."""

import base64
import binascii
import os
from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_ID, _NONCE, _WRAPPED = 8, 12, 48


class UnsealError(Exception):
    """The secret was sealed under another envelope key, or for another purpose, or is damaged."""


class Sealer:
    """Seals under the first envelope key; unseals under any, so that the key can be replaced.

    The form is version ‖ key id ‖ nonce ‖ wrapped data key ‖ nonce ‖ ciphertext, both layers AES-256-GCM bound to the
    purpose.
    """

    def __init__(self, envelope_keys: Sequence[str]) -> None:
        """Takes 32-byte keys in base64; raises ``ValueError`` when there is none or one has another length."""
        keys = [_decode(key) for key in envelope_keys]
        if not keys:
            raise ValueError("an envelope key is needed: 32 random bytes in base64")
        self._keys = {sha256(key).digest()[:_KEY_ID]: AESGCM(key) for key in keys}
        self._current = sha256(keys[0]).digest()[:_KEY_ID]

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypts; ``purpose`` must be the same when unsealing."""
        data_key, bound = AESGCM.generate_key(256), purpose.encode()
        outer, inner = os.urandom(_NONCE), os.urandom(_NONCE)
        wrapped = self._keys[self._current].encrypt(outer, data_key, bound)
        return _VERSION + self._current + outer + wrapped + inner + AESGCM(data_key).encrypt(inner, secret, bound)

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypts; raises ``UnsealError``."""
        key = self._keys.get(sealed[1 : 1 + _KEY_ID])
        if sealed[:1] != _VERSION or key is None:
            raise UnsealError("sealed under an envelope key that is not among the settings")
        outer, rest = _split(sealed[1 + _KEY_ID :], _NONCE)
        wrapped, rest = _split(rest, _WRAPPED)
        inner, ciphertext = _split(rest, _NONCE)
        try:
            return AESGCM(key.decrypt(outer, wrapped, purpose.encode())).decrypt(inner, ciphertext, purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise UnsealError("damaged, or sealed for another purpose") from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether it was sealed under the first envelope key; others are to be sealed anew."""
        return sealed[1 : 1 + _KEY_ID] == self._current


def _split(data: bytes, at: int) -> tuple[bytes, bytes]:
    return data[:at], data[at:]


def _decode(key: str) -> bytes:
    try:
        raw = base64.b64decode(key, altchars=b"-_" if {"-", "_"} & set(key) else None, validate=True)
    except binascii.Error as error:
        raise ValueError("an envelope key is base64") from error
    if len(raw) != 32:
        raise ValueError("an envelope key has 32 bytes")
    return raw
