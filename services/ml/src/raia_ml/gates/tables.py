"""Tables of policies, evidence and verdicts; the migration makes them, with the triggers that guard them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from raia_ml.schema import metadata

_NOW = text("now()")
_OF_VERSION = (
    ["org_id", "model_id", "version"],
    ["model_version.org_id", "model_version.model_id", "model_version.version"],
)

deployment_policy = Table(
    "deployment_policy",
    metadata,
    Column("org_id", UUID(as_uuid=True), primary_key=True),
    Column("version", Integer, nullable=False),
    comment="Which version of its policy an organisation applies: the row that gates lock",
)

deployment_policy_version = Table(
    "deployment_policy_version",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("protected_attributes", ARRAY(Text), nullable=False),
    Column("minimum_disparate_impact", Double, nullable=False),
    Column("updated_by", UUID(as_uuid=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "version"),
    comment="Deployment policies, every change a version",
)

evidence = Table(
    "evidence",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("report_id", UUID(as_uuid=True), nullable=False),
    Column("report_digest", Text, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("withdrawn_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "report_id"),
    ForeignKeyConstraint(*_OF_VERSION),
    comment="Facts about versions that gates rest on",
)

verdict = Table(
    "verdict",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("model_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("checks", JSONB, nullable=False),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("made_in", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(*_OF_VERSION),
    comment="What the gate decided; made_in is the transaction that it was decided in",
)
