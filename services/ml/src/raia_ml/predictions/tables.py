"""The table of predictions; the migration makes it."""

from sqlalchemy import Column, DateTime, Double, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, Table, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ml.schema import metadata

model_prediction = Table(
    "model_prediction",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("input_data", JSONB, nullable=False),
    Column("prediction", JSONB, nullable=False),
    Column("confidence", Double),
    Column("probabilities", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "model_id", "version"],
        ["model_version.org_id", "model_version.model_id", "model_version.version"],
    ),
    comment="Predictions, each with the row and the version that made it",
)
