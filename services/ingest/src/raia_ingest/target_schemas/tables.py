"""The table of target schemas."""

from sqlalchemy import Column, DateTime, Integer, PrimaryKeyConstraint, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

target_schema = Table(
    "target_schema",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("format", Text, nullable=False),
    Column("entities", JSONB, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Schemas that datasets are mapped to",
)
