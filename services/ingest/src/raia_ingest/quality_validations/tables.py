"""The table of validations."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

dataset_validation = Table(
    "dataset_validation",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("trigger", Text, nullable=False),
    Column("rules", JSONB, nullable=False),
    Column("results", LargeBinary),
    Column("passed", Boolean),
    Column("row_count", BigInteger),
    Column("failing_row_count", BigInteger),
    Column("failing_key", Text),
    Column("quality_gate", Text, nullable=False, server_default=""),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    comment="Rules as they were run; results are JSON in bytes, since texts may hold NUL; failing rows are an object",
)
