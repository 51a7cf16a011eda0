"""The table of explanations."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_explain.schema import metadata

explanation = Table(
    "explanation",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("parameter_digest", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("scope", Text, nullable=False),
    Column("chosen_rows", JSONB, nullable=False),
    Column("explained_class", Text, nullable=False, server_default=""),
    Column("target", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("result", LargeBinary),
    Column("result_key", Text),
    Column("duration_ms", Double, nullable=False, server_default="0"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "parameter_digest"),
    comment="SHAP values and feature importance, one row for equal parameters; large results lie in objects",
)
