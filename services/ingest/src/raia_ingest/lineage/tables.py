"""The table of models that were trained on dataset versions."""

from sqlalchemy import Column, DateTime, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from raia_ingest.schema import metadata

trained_model = Table(
    "trained_model",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("trained_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("org_id", "model_id", "model_version"),
    comment="Which models learnt from which dataset versions, as the events of ml tell",
)
