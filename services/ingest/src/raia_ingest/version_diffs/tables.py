"""The table of differences between versions."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from raia_ingest.schema import metadata

version_diff = Table(
    "version_diff",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("key_columns", LargeBinary, nullable=False),
    Column("key_digest", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("content", LargeBinary),
    Column("rows_key", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "dataset_id", "version", "base_version", "key_digest"),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "base_version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    comment="Comparisons of versions; keys and content are JSON in bytes, since texts may hold NUL; rows are an object",
)
