"""Sessions and their refresh tokens: each token works once, and one that comes twice ends its session."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from uuid import UUID

_PREFIX = "raia_rt_"
_BYTES = 32


class Revocation(Enum):
    """Why a session ended before its time."""

    LOGOUT = "logout"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a reason, not a token
    DEACTIVATED = "deactivated"


class Presented(Enum):
    """What a presented refresh token turned out to be."""

    GOOD = "good"
    ENDED = "ended"
    REUSED = "reused"


@dataclass(frozen=True)
class Session:
    """One sign-in of a user to one organisation."""

    session_id: str
    user_id: UUID
    org_id: UUID
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def alive(self, now: datetime) -> bool:
        """Neither revoked nor past its end."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class RefreshToken:
    """One refresh token as it is stored: its digest alone."""

    digest: bytes
    session_id: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True)
class Lifetimes:
    """How long sessions last: ``session`` in all, ``idle`` without a refresh."""

    session: timedelta
    idle: timedelta


def new_refresh_token() -> str:
    """256 random bits behind a prefix by which scanners of leaked secrets know it."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest(token: str) -> bytes:
    """What is stored of a refresh token; its 256 bits need no salt and no slow hash."""
    return sha256(token.encode()).digest()


def judge(token: RefreshToken, session: Session, now: datetime) -> Presented:
    """What a presented token is worth. A used one counts as stolen even when its session has ended."""
    if token.used_at is not None:
        return Presented.REUSED
    if not session.alive(now) or now >= token.expires_at:
        return Presented.ENDED
    return Presented.GOOD
