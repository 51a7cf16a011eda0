"""The table of retention policies."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from raia_ingest.schema import metadata

retention_policy = Table(
    "retention_policy",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True)),
    Column("keep_versions", Integer, nullable=False),
    Column("keep_days", Integer, nullable=False),
    Column("force", Boolean, nullable=False),
    Column("job_id", BigInteger),
    Column("updated_by", UUID(as_uuid=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="How long versions keep their bytes; job_id is the job that looks next; no dataset: the organisation's",
)
