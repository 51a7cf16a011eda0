"""Passwords: the rules they must meet, and hashing that never blocks the server."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from raia_auth.errors import PasswordWeak, SignInBusy

MIN_LENGTH = 10
MAX_LENGTH = 1024
_BCRYPT_LIMIT = 72
_BCRYPT = ("$2a$", "$2b$", "$2y$", "$2x$")

_WORDS = (
    "password", "passw0rd", "p@ssword", "p@ssw0rd", "welcome", "letmein", "iloveyou", "qwerty", "qwertyuiop",
    "asdfghjkl", "zxcvbnm", "dragon", "monkey", "football", "baseball", "sunshine", "princess", "superman", "batman",
    "master", "trustno1", "abc123", "admin", "administrator", "changeme", "secret", "default", "login", "starwars",
    "whatever", "shadow", "michael", "charlie", "freedom", "computer", "internet", "summer", "winter", "spring",
    "autumn", "hello", "test", "testing", "temporary", "company", "raia", "user", "guest", "root", "access", "pokemon",
    "liverpool", "chocolate", "basketball", "mustang",
)  # fmt: skip
_ENDINGS = ("", "1", "12", "123", "1234", "12345", "123456", "1234567890", "!", "1!", "123!", "2024", "2025", "2026")
_COMMON = frozenset(
    {word + ending for word, ending in product(_WORDS, _ENDINGS)}
    | {first + second for first, second in product(_WORDS, _WORDS)}
    | {
        "1q2w3e4r5t",
        "1q2w3e4r5t6y",
        "q1w2e3r4t5",
        "qazwsxedcrfv",
        "1qaz2wsx3edc",
        "zaq12wsxcde3",
        "correcthorsebatterystaple",
    }
)
_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "98765432109876543210")


def check_password(password: str, email: str, *, field: str = "password") -> None:
    """Raises ``PasswordWeak`` unless it is long enough, not well known and not made from the e-mail address.

    Length and blocklist alone decide, as NIST SP 800-63B advises: no rule asks for kinds of characters.
    """
    if len(password) < MIN_LENGTH:
        raise _weak(f"must have at least {MIN_LENGTH} characters", field)
    if len(password) > MAX_LENGTH:
        raise _weak(f"must have at most {MAX_LENGTH} characters", field)
    folded = password.casefold()
    if folded in _COMMON or len(set(folded)) < 4 or any(folded in run for run in _RUNS):
        raise _weak("is among the passwords that attackers try first; choose another", field)
    address = email.casefold()
    name = address.partition("@")[0]
    if folded in (address, name) or (len(name) >= 4 and folded.startswith(name) and len(folded) - len(name) < 4):
        raise _weak("must not be the e-mail address", field)


def _weak(description: str, field: str) -> PasswordWeak:
    return PasswordWeak(description, field=field, minimum_length=MIN_LENGTH)


@dataclass(frozen=True)
class Verdict:
    """Whether a password fits its hash, and whether the hash should be replaced by a current one."""

    matches: bool
    outdated: bool = False


class Hasher(Protocol):
    """Turns passwords into hashes and checks them; both take tens of milliseconds of one CPU."""

    def hash(self, password: str) -> str:
        """A new argon2id hash in PHC form."""

    def verify(self, stored: str | None, password: str) -> Verdict:
        """Compares with a stored hash; ``None`` costs the same and never matches."""


class Turnstile:
    """Lets so many sign-ins in at once and turns others away, so that they never take every thread of the server."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Holds a place; raises ``SignInBusy`` at once when there is none."""
        if not self._places.acquire(blocking=False):
            raise SignInBusy
        try:
            yield
        finally:
            self._places.release()


class PasswordHashing:
    """argon2id with OWASP's settings (19 MiB, 2 passes, 1 lane); imported bcrypt hashes verify and are outdated.

    The libraries release the GIL, so a thread computes while others serve; at most ``concurrency`` compute at once,
    which bounds both CPU and memory. A call that finds no place within ``patience`` seconds raises ``SignInBusy``.
    """

    def __init__(self, concurrency: int | None = None, patience: float = 5.0) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
        self._places = threading.BoundedSemaphore(concurrency or os.cpu_count() or 1)
        self._patience = patience
        self._dummy = self._argon2.hash(os.urandom(16).hex())

    def hash(self, password: str) -> str:
        """A new argon2id hash in PHC form."""
        with self._place():
            return self._argon2.hash(password)

    def verify(self, stored: str | None, password: str) -> Verdict:
        """Compares with a stored hash; ``None`` (no such user, no password) verifies against a dummy and fails."""
        with self._place():
            if stored is not None and stored.startswith(_BCRYPT):
                return _verify_bcrypt(stored, password)
            try:
                self._argon2.verify(stored or self._dummy, password)
            except (VerificationError, InvalidHashError, UnicodeError):
                return Verdict(False)
            return Verdict(stored is not None, stored is not None and self._argon2.check_needs_rehash(stored))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._patience):
            raise SignInBusy
        try:
            yield
        finally:
            self._places.release()


def _verify_bcrypt(stored: str, password: str) -> Verdict:
    # bcrypt has only ever looked at the first 72 bytes, so an imported hash of a longer password knows no more.
    try:
        matches = bcrypt.checkpw(password.encode()[:_BCRYPT_LIMIT], ("$2b$" + stored[4:]).encode())
    except ValueError:
        return Verdict(False)
    return Verdict(matches, matches)


def is_importable(stored: str) -> bool:
    """Whether a hash of another system can be verified here: bcrypt or argon2id in their usual text forms."""
    return stored.startswith((*_BCRYPT, "$argon2id$"))
