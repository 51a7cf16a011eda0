"""The table of exports."""

from sqlalchemy import BigInteger, Column, DateTime, Double, Integer, PrimaryKeyConstraint, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from raia_workspace.schema import metadata

export_job = Table(
    "export_job",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("format", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("filename", Text, nullable=False),
    Column("job_id", BigInteger),
    Column("created_by", UUID(as_uuid=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    Column("omissions", ARRAY(Text), nullable=False, server_default="{}"),
    Column("object_key", Text),
    Column("sha256", Text),
    Column("file_size", BigInteger),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Exports of governance records; the files lie in the object store",
)
