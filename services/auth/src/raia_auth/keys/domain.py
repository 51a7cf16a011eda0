"""Signing keys and the rules of their rotation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(days=30)
"""How long a key signs."""
OVERLAP = timedelta(days=1)
"""How long before a key retires its successor is made and published, so that verifiers know it when it signs."""
TAIL = timedelta(hours=1)
"""How long a retired key stays published: longer than any token that it signed lives, clocks included."""


@dataclass(frozen=True)
class SigningKey:
    """One Ed25519 key pair; ``private_key`` is sealed."""

    kid: str
    public_key: dict[str, str]
    private_key: bytes
    active_from: datetime
    retires_at: datetime
    published_until: datetime


def period_of_next(keys: Iterable[SigningKey], now: datetime) -> tuple[datetime, datetime] | None:
    """When the key to be made now should begin and cease to sign; None while none is due."""
    last = max((key.retires_at for key in keys), default=now)
    if last - now > OVERLAP:
        return None
    start = max(last, now)
    return start, start + LIFETIME


def signer(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key that signs at this moment."""
    candidates = [key for key in keys if key.active_from <= now < key.retires_at]
    return max(candidates, key=lambda key: key.active_from, default=None)


def published(keys: Iterable[SigningKey], now: datetime) -> list[SigningKey]:
    """The keys whose tokens may still be alive, and the one that signs next; newest first."""
    return sorted((key for key in keys if now < key.published_until), key=lambda key: key.active_from, reverse=True)
