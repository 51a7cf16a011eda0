"""Users as identities and as members of an organisation."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Identity:
    """Who signs in: an address and the hash of a password, if there is one."""

    id: UUID
    email: str
    password_hash: str | None


@dataclass(frozen=True)
class User:
    """A person as a member of one organisation."""

    id: UUID
    email: str
    name: str
    roles: tuple[str, ...]
    is_active: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change of name, roles or activity."""
        return f'W/"{self.version}"'


@dataclass(frozen=True)
class Change:
    """What an update asks for; None leaves a field as it is."""

    name: str | None = None
    roles: tuple[str, ...] | None = None
    is_active: bool | None = None


def fold(email: str) -> str:
    """The one spelling of an address: composed, without spaces around, in lower case."""
    return unicodedata.normalize("NFC", email).strip().casefold()
