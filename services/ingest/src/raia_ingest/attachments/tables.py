"""The table of attached documents."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

attachment = Table(
    "attachment",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("filename", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("fields", JSONB, nullable=False),
    Column("described_column_count", Integer, nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="Documents that describe datasets, and what they say of fields",
)
