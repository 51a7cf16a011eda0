"""Tables of datasets and their versions."""

from sqlalchemy import (
    BigInteger,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from raia_ingest.schema import metadata

_NOW = func.now()

dataset = Table(
    "dataset",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("uploaded_by", UUID(as_uuid=True)),
    Column("latest_version", Integer, nullable=False),
    Column("shown_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deleted_at", DateTime(timezone=True)),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("column_descriptions", JSONB, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Tables of data by name; shown_version is the latest ready one, else the latest",
)

dataset_version = Table(
    "dataset_version",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("filename", Text, nullable=False),
    Column("file_type", Text, nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("job_id", BigInteger),
    Column("row_count", BigInteger),
    Column("column_count", Integer),
    Column("rejected_row_count", BigInteger, nullable=False, server_default="0"),
    Column("repaired_row_count", BigInteger, nullable=False, server_default="0"),
    Column("ledger_key", Text),
    Column("archive", JSONB(none_as_null=True)),
    Column("read_options", JSONB, nullable=False, server_default="{}"),
    Column("schema_info", JSONB(none_as_null=True)),
    Column("stored_key", Text),
    Column("stored_sha256", Text),
    Column("stored_bytes", BigInteger),
    Column("origin", JSONB, nullable=False, server_default='{"kind": "upload"}'),
    Column("quality_gate", Text, nullable=False, server_default=""),
    Column("quality_gate_reason", Text, nullable=False, server_default=""),
    Column("quality_gate_by", UUID(as_uuid=True)),
    Column("quality_score", Double),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "dataset_id", "version"),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="Files as they came and the rows read from them",
)
