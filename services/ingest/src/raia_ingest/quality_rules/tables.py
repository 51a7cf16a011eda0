"""The table of data quality rules."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

quality_rule = Table(
    "quality_rule",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),
    Column("demand", JSONB, nullable=False),
    Column("severity", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("gates", Boolean, nullable=False),
    Column("tolerance", Double, nullable=False, server_default="0"),
    Column("schedule", Text, nullable=False, server_default=""),
    Column("schedule_job_id", BigInteger),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="What datasets must be like; schedule_job_id is the job that runs the rule next",
)
