"""The table of fairness reports."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from raia_explain.schema import metadata

fairness_report = Table(
    "fairness_report",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("definitions", LargeBinary, nullable=False),
    Column("favourable_outcome", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("recording", Boolean, nullable=False, server_default=false()),
    Column("content", LargeBinary),
    Column("figures", LargeBinary),
    Column("report_digest", Text),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Fairness analyses; JSON in bytes, since texts may hold NUL; a finished one never changes",
)
