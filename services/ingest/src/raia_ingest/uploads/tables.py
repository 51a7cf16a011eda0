"""Tables of uploads in parts."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

upload = Table(
    "upload",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("read_options", JSONB, nullable=False),
    Column("direct", Boolean, nullable=False, server_default="false"),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("dataset_id", UUID(as_uuid=True)),
    Column("version", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Files that come in parts",
)

upload_part = Table(
    "upload_part",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("upload_id", UUID(as_uuid=True), nullable=False),
    Column("number", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "upload_id", "number"),
    ForeignKeyConstraint(["org_id", "upload_id"], ["upload.org_id", "upload.id"]),
    comment="Parts that have come through the platform",
)
