"""Sessions and refresh tokens in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from raia_kit.database import UnitOfWork
from sqlalchemy import delete, insert, select, update

from raia_auth.sessions.domain import RefreshToken, Revocation, Session
from raia_auth.sessions.tables import refresh_token, user_sessions

_S, _T = user_sessions.c, refresh_token.c
_SESSION = (_S.session_id, _S.user_id, _S.org_id, _S.created_at, _S.expires_at, _S.revoked_at)


class SessionRepository(Protocol):
    """Where sessions and their refresh tokens are kept."""

    def add(self, unit: UnitOfWork, session: Session, address: str) -> None:
        """Stores a new session."""

    def of_token(self, unit: UnitOfWork, digest: bytes) -> Session | None:
        """The session that a refresh token belongs to."""

    def lock(self, unit: UnitOfWork, session_id: str) -> Session | None:
        """The session, locked until the transaction ends: refreshes of one session happen one after another."""

    def token(self, unit: UnitOfWork, digest: bytes) -> RefreshToken | None:
        """A stored refresh token."""

    def add_token(self, unit: UnitOfWork, token: RefreshToken) -> None:
        """Stores a new refresh token."""

    def use_token(self, unit: UnitOfWork, digest: bytes, at: datetime) -> None:
        """Marks a refresh token, and its session as refreshed."""

    def alive_of_user(
        self, unit: UnitOfWork, user_id: UUID, now: datetime, org_id: UUID | None = None
    ) -> Sequence[Session]:
        """The user's living sessions, locked, newest first; in one organisation if it is given."""

    def revoke(self, unit: UnitOfWork, session_ids: Sequence[str], reason: Revocation, at: datetime) -> None:
        """Ends sessions."""

    def revoked_since(self, unit: UnitOfWork, since: datetime) -> list[tuple[str, datetime]]:
        """Sessions revoked after a moment, each with when."""

    def forget(self, unit: UnitOfWork, before: datetime) -> int:
        """Deletes sessions that ended before, with their tokens; answers how many."""


class SqlSessionRepository:
    """The implementation over the platform tables ``user_sessions`` and ``refresh_token``."""

    def add(self, unit: UnitOfWork, session: Session, address: str) -> None:
        """Stores a new session."""
        with unit.platform():
            unit.session.execute(
                insert(user_sessions).values(
                    session_id=session.session_id,
                    user_id=session.user_id,
                    org_id=session.org_id,
                    created_at=session.created_at,
                    expires_at=session.expires_at,
                    refreshed_at=session.created_at,
                    address=address,
                )
            )

    def of_token(self, unit: UnitOfWork, digest: bytes) -> Session | None:
        """The session that a refresh token belongs to."""
        with unit.platform():
            row = unit.session.execute(
                select(*_SESSION).join(refresh_token, _T.session_id == _S.session_id).where(_T.digest == digest)
            ).one_or_none()
        return Session(*row) if row else None

    def lock(self, unit: UnitOfWork, session_id: str) -> Session | None:
        """The session, locked until the transaction ends: refreshes of one session happen one after another."""
        with unit.platform():
            row = unit.session.execute(
                select(*_SESSION).where(_S.session_id == session_id).with_for_update()
            ).one_or_none()
        return Session(*row) if row else None

    def token(self, unit: UnitOfWork, digest: bytes) -> RefreshToken | None:
        """A stored refresh token."""
        with unit.platform():
            row = unit.session.execute(
                select(_T.digest, _T.session_id, _T.expires_at, _T.used_at).where(_T.digest == digest)
            ).one_or_none()
        return RefreshToken(*row) if row else None

    def add_token(self, unit: UnitOfWork, token: RefreshToken) -> None:
        """Stores a new refresh token."""
        with unit.platform():
            unit.session.execute(
                insert(refresh_token).values(
                    digest=token.digest, session_id=token.session_id, expires_at=token.expires_at
                )
            )

    def use_token(self, unit: UnitOfWork, digest: bytes, at: datetime) -> None:
        """Marks a refresh token, and its session as refreshed."""
        with unit.platform():
            unit.session.execute(update(refresh_token).where(_T.digest == digest).values(used_at=at))
            family = select(_T.session_id).where(_T.digest == digest).scalar_subquery()
            unit.session.execute(update(user_sessions).where(_S.session_id == family).values(refreshed_at=at))

    def alive_of_user(
        self, unit: UnitOfWork, user_id: UUID, now: datetime, org_id: UUID | None = None
    ) -> Sequence[Session]:
        """The user's living sessions, locked, newest first; in one organisation if it is given."""
        query = select(*_SESSION).where(_S.user_id == user_id, _S.revoked_at.is_(None), _S.expires_at > now)
        if org_id is not None:
            query = query.where(_S.org_id == org_id)
        with unit.platform():
            rows = unit.session.execute(query.order_by(_S.session_id.desc()).with_for_update()).all()
        return [Session(*row) for row in rows]

    def revoke(self, unit: UnitOfWork, session_ids: Sequence[str], reason: Revocation, at: datetime) -> None:
        """Ends sessions."""
        with unit.platform():
            unit.session.execute(
                update(user_sessions)
                .where(_S.session_id.in_(session_ids), _S.revoked_at.is_(None))
                .values(revoked_at=at, revoked_for=reason.value)
            )

    def revoked_since(self, unit: UnitOfWork, since: datetime) -> list[tuple[str, datetime]]:
        """Sessions revoked after a moment, each with when."""
        with unit.platform():
            rows = unit.session.execute(select(_S.session_id, _S.revoked_at).where(_S.revoked_at > since)).all()
        return [(row[0], row[1]) for row in rows]

    def forget(self, unit: UnitOfWork, before: datetime) -> int:
        """Deletes sessions that ended before, with their tokens; answers how many."""
        with unit.platform():
            rows = unit.session.execute(
                delete(user_sessions).where(_S.expires_at < before).returning(_S.session_id)
            ).all()
        return len(rows)
