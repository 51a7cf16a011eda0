"""Organisations, which are the tenants, and who belongs to them."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Organisation:
    """A tenant of the platform."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Membership:
    """A user in an organisation: how they are called there and which roles they hold, the main one first."""

    org_id: UUID
    user_id: UUID
    name: str
    roles: tuple[str, ...]
    is_active: bool
    version: int
    joined_at: datetime


def name_from_address(email: str) -> str:
    """An organisation's name for somebody who gave none: ``ada@example.org`` → ``ada (example.org)``."""
    local, _, domain = email.partition("@")
    return f"{re.sub(r'[^a-z0-9._-]', '', local) or 'organisation'} ({domain})"


def choose(memberships: list[Membership], organisation: UUID | None) -> Membership | None:
    """The membership to sign in to: the one named, else the first joined that is active, else the first joined."""
    ordered = sorted(memberships, key=lambda membership: membership.joined_at)
    if organisation is not None:
        return next((membership for membership in ordered if membership.org_id == organisation), None)
    return next((membership for membership in ordered if membership.is_active), ordered[0] if ordered else None)
