"""The tables of data quality reports and of the issues that they found."""

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
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from raia_ingest.schema import metadata

data_quality_report = Table(
    "data_quality_report",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("content", LargeBinary),
    Column("quality_score", Double),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    comment="Assessments of versions; content is JSON in bytes, since texts may hold NUL",
)

data_quality_issue = Table(
    "data_quality_issue",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("report_id", UUID(as_uuid=True), nullable=False),
    Column("place", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("column_name", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("fraction", Double, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "report_id"], ["data_quality_report.org_id", "data_quality_report.id"]),
    comment="What reports found, the gravest first by place; content holds message, recommendation and examples",
)
