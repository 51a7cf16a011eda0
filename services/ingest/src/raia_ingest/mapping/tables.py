"""Tables of mappings, their columns, and of feedback."""

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

mapping = Table(
    "mapping",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("schema_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("column_count", Integer, nullable=False, server_default="0"),
    Column("accepted_count", Integer, nullable=False, server_default="0"),
    Column("open_count", Integer, nullable=False, server_default="0"),
    Column("feedback_version", BigInteger, nullable=False, server_default="0"),
    Column("accept_at", Double, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "dataset_version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    ForeignKeyConstraint(["org_id", "schema_id"], ["target_schema.org_id", "target_schema.id"]),
    comment="Where the columns of dataset versions go in schemas",
)

mapping_column = Table(
    "mapping_column",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("mapping_id", UUID(as_uuid=True), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("field", Text, nullable=False, server_default=""),
    Column("content", LargeBinary, nullable=False),
    Column("decided_by", UUID(as_uuid=True)),
    Column("decided_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "mapping_id", "position"),
    ForeignKeyConstraint(["org_id", "mapping_id"], ["mapping.org_id", "mapping.id"]),
    comment="Columns of mappings; summaries and candidates as JSON in bytes, since texts may hold NUL",
)

mapping_feedback = Table(
    "mapping_feedback",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("schema_id", UUID(as_uuid=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mapping_id", UUID(as_uuid=True), nullable=False),
    Column("column_name", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("field", Text, nullable=False, server_default=""),
    Column("content", LargeBinary, nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("org_id", "schema_id", "version"),
    ForeignKeyConstraint(["org_id", "schema_id"], ["target_schema.org_id", "target_schema.id"]),
    comment="What people decided about columns, by schema; the next suggestion heeds it",
)
