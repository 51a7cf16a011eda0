"""Tables of the registry; the migration makes them, with the triggers that guard them."""

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ml.schema import metadata

_NOW = text("now()")

model = Table(
    "model",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False, server_default=""),
    Column("created_by", UUID(as_uuid=True)),
    Column("latest_version", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Models by name; type is empty until the first version",
)

model_version = Table(
    "model_version",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("framework", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("holdout_key", Text, nullable=False),
    Column("holdout_sha256", Text, nullable=False),
    Column("accuracy", Double),
    Column("signature", JSONB, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("training_data_info", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("training_run_id", UUID(as_uuid=True), nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "model_id", "version"),
    UniqueConstraint("org_id", "training_run_id"),
    ForeignKeyConstraint(["org_id", "model_id"], ["model.org_id", "model.id"]),
    ForeignKeyConstraint(["org_id", "training_run_id"], ["training_run.org_id", "training_run.id"]),
    comment="Versions of models; never changed",
)

deployment = Table(
    "deployment",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("production_version", Integer),
    Column("digest", Text),
    Column("verdict_id", UUID(as_uuid=True)),
    Column("change_id", UUID(as_uuid=True)),
    Column("deployed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "model_id"),
    ForeignKeyConstraint(["org_id", "model_id"], ["model.org_id", "model.id"]),
    ForeignKeyConstraint(
        ["org_id", "model_id", "production_version"],
        ["model_version.org_id", "model_version.model_id", "model_version.version"],
    ),
    ForeignKeyConstraint(["org_id", "verdict_id"], ["verdict.org_id", "verdict.id"]),
    ForeignKeyConstraint(["org_id", "change_id"], ["deployment_change.org_id", "deployment_change.id"]),
    comment="Which version of a model is in production: the row that swaps lock",
)

deployment_change = Table(
    "deployment_change",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer),
    Column("previous_version", Integer),
    Column("digest", Text),
    Column("verdict_id", UUID(as_uuid=True)),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("made_in", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "verdict_id"], ["verdict.org_id", "verdict.id"]),
    comment="Swaps and withdrawals; a version of null is a withdrawal",
)
