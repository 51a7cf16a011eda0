"""Tables of routing and processing."""

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
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

_VERSION = ("dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version")

dataset_routing = Table(
    "dataset_routing",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text, nullable=False, server_default=""),
    Column("confidence", Double, nullable=False, server_default="0"),
    Column("detail", LargeBinary),
    Column("decided_by", Text, nullable=False, server_default="classifier"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("decided_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "dataset_id", "version"),
    ForeignKeyConstraint(["org_id", "dataset_id", "version"], _VERSION),
    comment="Where versions belong; detail is scores and evidence as JSON in bytes, since texts may hold NUL",
)

processing_result = Table(
    "processing_result",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("processor", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("options", JSONB, nullable=False, server_default="{}"),
    Column("content", LargeBinary),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("job_id", BigInteger),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "dataset_id", "version", "processor"),
    ForeignKeyConstraint(["org_id", "dataset_id", "version"], _VERSION),
    comment="What processors say of versions; content is headline, results and notes as JSON in bytes",
)
