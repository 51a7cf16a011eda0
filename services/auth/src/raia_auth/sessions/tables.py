"""The tables of sessions and refresh tokens."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from raia_auth.schema import metadata

user_sessions = Table(
    "user_sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_id", UUID(as_uuid=True), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("refreshed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("address", Text, nullable=False, server_default=""),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_for", Text),
    Index("user_sessions_user_id", "user_id"),
    Index("user_sessions_expires_at", "expires_at"),
    comment="Sign-ins, each with the family of refresh tokens that descend from it",
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("session_id", Text, ForeignKey("user_sessions.session_id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Index("refresh_token_session_id", "session_id"),
    comment="Digests of refresh tokens, used ones too, so that a stolen one is recognised",
)
