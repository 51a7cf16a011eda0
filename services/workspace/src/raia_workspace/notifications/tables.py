"""The table of notifications."""

from sqlalchemy import Boolean, Column, DateTime, PrimaryKeyConstraint, Table, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_workspace.schema import metadata

notification = Table(
    "notification",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("user_id", UUID(as_uuid=True), nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("type", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("resource_type", Text, nullable=False, server_default=""),
    Column("resource_id", Text, nullable=False, server_default=""),
    Column("data", JSONB, nullable=False, server_default="{}"),
    Column("read", Boolean, nullable=False, server_default="false"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("read_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "user_id", "event_id"),
    comment="What users are told; one of each event for each user",
)
