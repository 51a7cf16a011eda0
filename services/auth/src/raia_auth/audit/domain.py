"""Entries of the ledger and the chain of hashes that makes changes to them visible."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

GENESIS = bytes(32)
"""What stands for the previous hash at place 1."""
_LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Fact:
    """What happened, as the service in which it happened recorded it."""

    id: UUID
    org_id: UUID
    service: str
    actor_user_id: str
    actor_service: str
    action: str
    resource_type: str
    resource_id: str
    outcome: str
    reason: str
    request_id: str
    occurred_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A fact with its place in the organisation's ledger, from 1 without gaps, and its hash."""

    place: int
    fact: Fact
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True)
class Verification:
    """What a check of a ledger found."""

    entries_checked: int
    head_hash: bytes
    first_broken_place: int | None = None
    finding: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return self.first_broken_place is None


def canonical(fact: Fact, place: int) -> bytes:
    """The one spelling of an entry that is hashed: JSON in UTF-8, keys sorted, no spaces, times UTC in microseconds."""
    document = {
        "id": str(fact.id),
        "org_id": str(fact.org_id),
        "place": place,
        "service": fact.service,
        "actor_user_id": fact.actor_user_id,
        "actor_service": fact.actor_service,
        "action": fact.action,
        "resource_type": fact.resource_type,
        "resource_id": fact.resource_id,
        "outcome": fact.outcome,
        "reason": fact.reason,
        "request_id": fact.request_id,
        "occurred_at": fact.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "details": plain(fact.details),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def plain(value: Any) -> Any:
    """A JSON value that comes back from the database as it went in.

    Numbers are doubles, whole ones without a point; what JSON or PostgreSQL cannot hold (NaN, infinities, NUL, lone
    surrogates) becomes text that they can.
    """
    if isinstance(value, Mapping):
        return {_storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _number(value)
    return _storable(str(value))


def _number(value: float) -> int | float | str:
    try:
        double = float(value)
    except OverflowError:
        return str(value)
    if not math.isfinite(double):
        return str(double)
    return int(double) if double.is_integer() and abs(double) < _LARGEST_EXACT else double


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def link(previous_hash: bytes, fact: Fact, place: int) -> Entry:
    """The entry that follows: its hash is SHA-256 over the previous hash and the canonical entry."""
    return Entry(place, fact, previous_hash, sha256(previous_hash + canonical(fact, place)).digest())


def chain(previous: tuple[int, bytes], facts: Iterable[Fact]) -> list[Entry]:
    """The entries that continue a ledger whose last place and hash are ``previous`` (0 and ``GENESIS`` when empty)."""
    place, head = previous
    entries = []
    for fact in facts:
        place += 1
        entry = link(head, fact, place)
        entries.append(entry)
        head = entry.hash
    return entries


def verify(entries: Iterable[Entry]) -> Verification:
    """Checks entries from place 1 on, in order, and stops at the first that is not as it was written."""
    place, head = 0, GENESIS
    for entry in entries:
        place += 1
        if entry.place != place:
            return Verification(place - 1, head, place, f"the entry at place {place} is missing")
        if entry.previous_hash != head:
            return Verification(place, head, place, f"the entry at place {place} does not link to the one before")
        if link(head, entry.fact, place).hash != entry.hash:
            return Verification(place, head, place, f"the entry at place {place} was changed")
        head = entry.hash
    return Verification(place, head)
