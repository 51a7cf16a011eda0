"""The table of identities, and the view by which an organisation sees its users."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from raia_auth.schema import metadata

users = Table(
    "users",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Identities: one row a person, whatever organisations they belong to",
)

_views = MetaData()

organisation_user = Table(
    "organisation_user",
    _views,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("last_login", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
)
"""Members with their addresses, of the current tenant alone: the view filters by it and reads as its owner."""
