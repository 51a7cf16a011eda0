"""Opens, refreshes and ends sessions. Every method works in the unit of work it is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from raia.auth.events.v1 import session_events_pb2
from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id

from raia_auth.keys.tokens import ACCESS_LIFETIME, AccessToken, TokenIssuer
from raia_auth.sessions.domain import (
    Lifetimes,
    Presented,
    RefreshToken,
    Revocation,
    Session,
    digest,
    judge,
    new_refresh_token,
)
from raia_auth.sessions.repository import SessionRepository

SESSION_TOPIC = "raia.auth.session"
CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True)
class SessionTokens:
    """What a client gets when a session opens or goes on."""

    session: Session
    access: AccessToken
    refresh_token: str


@dataclass(frozen=True)
class Refreshed:
    """What became of a presented refresh token; ``tokens`` only when it was good."""

    presented: Presented
    tokens: SessionTokens | None = None


class SessionService:
    """Sessions of users in organisations."""

    def __init__(
        self,
        sessions: SessionRepository,
        issuer: TokenIssuer,
        lifetimes: Lifetimes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sessions, self._issuer, self._lifetimes, self._now = sessions, issuer, lifetimes, now

    def open(self, unit: UnitOfWork, user_id: UUID, address: str) -> SessionTokens:
        """A new session in the unit's organisation, with its first tokens."""
        now = self._now()
        session = Session(str(new_id()), user_id, unit.tenant, now, now + self._lifetimes.session)
        self._sessions.add(unit, session, address)
        return self._issue(unit, session, now)

    def find(self, unit: UnitOfWork, token: str) -> Session | None:
        """The session that a refresh token belongs to, in a platform unit of work."""
        return self._sessions.of_token(unit, digest(token))

    def refresh(self, unit: UnitOfWork, session_id: str, token: str) -> Refreshed:
        """Exchanges a good refresh token for new ones; a used one ends the session. Commit whatever it answers."""
        now, presented = self._now(), digest(token)
        session = self._sessions.lock(unit, session_id)
        stored = self._sessions.token(unit, presented)
        if session is None or stored is None:
            return Refreshed(Presented.ENDED)
        verdict = judge(stored, session, now)
        if verdict is Presented.REUSED:
            self._end(unit, [session] if session.alive(now) else [], Revocation.REFRESH_TOKEN_REUSED)
        if verdict is not Presented.GOOD:
            return Refreshed(verdict)
        self._sessions.use_token(unit, presented, now)
        return Refreshed(verdict, self._issue(unit, session, now))

    def end(self, unit: UnitOfWork, session_id: str, reason: Revocation) -> bool:
        """Ends one session; False when it had ended already."""
        session = self._sessions.lock(unit, session_id)
        if session is None or not session.alive(self._now()):
            return False
        self._end(unit, [session], reason)
        return True

    def end_all(
        self,
        unit: UnitOfWork,
        user_id: UUID,
        reason: Revocation,
        *,
        org_id: UUID | None = None,
        keep: str | None = None,
    ) -> int:
        """Ends the user's sessions (in one organisation, if given) except ``keep``; answers how many."""
        alive = self._sessions.alive_of_user(unit, user_id, self._now(), org_id)
        ended = [session for session in alive if session.session_id != keep]
        self._end(unit, ended, reason)
        return len(ended)

    def forget_ended(self, unit: UnitOfWork) -> int:
        """Deletes sessions whose end lies a day back; answers how many."""
        return self._sessions.forget(unit, self._now() - timedelta(days=1))

    def _issue(self, unit: UnitOfWork, session: Session, now: datetime) -> SessionTokens:
        token = new_refresh_token()
        expires_at = min(session.expires_at, now + self._lifetimes.idle)
        self._sessions.add_token(unit, RefreshToken(digest(token), session.session_id, expires_at))
        access = self._issuer.for_session(session.user_id, session.org_id, session.session_id)
        return SessionTokens(session, access, token)

    def _end(self, unit: UnitOfWork, sessions: Sequence[Session], reason: Revocation) -> None:
        now = self._now()
        if not sessions:
            return
        self._sessions.revoke(unit, [session.session_id for session in sessions], reason, now)
        for session in sessions:
            event = session_events_pb2.SessionRevoked(user_id=str(session.user_id), reason=reason.value)
            event.session.session_id = session.session_id
            event.session.forget_after.FromDatetime(forget_after(now))
            unit.emit(event, key=session.session_id, topic=SESSION_TOPIC)


def forget_after(revoked_at: datetime) -> datetime:
    """When the last access token of a session revoked at this moment has expired."""
    return revoked_at + ACCESS_LIFETIME + CLOCK_SKEW
