"""Tables of runs, of rejected records, and of the datasets that hold entities."""

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

mapping_run = Table(
    "mapping_run",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("mapping_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("schema_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("retry_of", UUID(as_uuid=True)),
    Column("mapping_revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("result", LargeBinary),
    Column("anomaly_count", BigInteger, nullable=False, server_default="0"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "mapping_id"], ["mapping.org_id", "mapping.id"]),
    comment="Transformations of dataset versions by mappings; result is JSON in bytes",
)

mapping_review_item = Table(
    "mapping_review_item",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("run_id", UUID(as_uuid=True), nullable=False),
    Column("record", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False, server_default=""),
    Column("content", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("resolved_by", UUID(as_uuid=True)),
    Column("resolved_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "run_id"], ["mapping_run.org_id", "mapping_run.id"]),
    comment="Records that runs rejected; the row is JSON in bytes, since texts may hold NUL",
)

mapping_entity = Table(
    "mapping_entity",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("schema_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("entity", Text, nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    ForeignKeyConstraint(["org_id", "schema_id"], ["target_schema.org_id", "target_schema.id"]),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="Which dataset holds the rows of an entity of a schema, by project",
)
