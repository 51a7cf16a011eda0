"""Users as identities and as members of an organisation."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from raia_kit.errors import InvalidArgument


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


def shown(text: str, field: str) -> str:
    """A name as it is stored: composed and trimmed; raises ``InvalidArgument`` for characters that cannot be shown."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidArgument.of_field(field, "must not contain control characters")
    return unicodedata.normalize("NFC", text).strip()


def fold(email: str) -> str:
    """The one spelling of an address: composed, without spaces around, in lower case."""
    # NUL cannot be stored, so no stored address holds it; a sign-in with it is one with an unknown address.
    return unicodedata.normalize("NFC", email).strip().casefold().replace("\x00", "\ufffd")
