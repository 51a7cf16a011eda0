"""The table of training runs; the migration makes it."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ml.schema import metadata

training_run = Table(
    "training_run",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("message", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="0"),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("warnings", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("job_id", BigInteger),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "model_id"], ["model.org_id", "model.id"]),
    comment="Trainings as work that takes time; plan is what the worker is told",
)
