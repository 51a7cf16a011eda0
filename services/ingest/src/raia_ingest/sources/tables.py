"""Tables of watched sources and their items."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

_NOW = func.now()

source = Table(
    "source",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("dataset_name", Text, nullable=False, server_default=""),
    Column("enabled", Boolean, nullable=False),
    Column("profile", Boolean, nullable=False),
    Column("poll_seconds", Integer, nullable=False),
    Column("settle_seconds", Integer, nullable=False),
    Column("place", JSONB, nullable=False),
    Column("sealed", LargeBinary),
    Column("credential_names", JSONB, nullable=False, server_default="[]"),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("polled_at", DateTime(timezone=True)),
    Column("next_poll_at", DateTime(timezone=True)),
    Column("poll_job_id", BigInteger),
    Column("poll_again", Boolean, nullable=False, server_default="false"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Places that are watched; poll_job_id is the one job that may look, sealed holds encrypted credentials",
)

source_item = Table(
    "source_item",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("source_id", UUID(as_uuid=True), nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("dataset_id", UUID(as_uuid=True)),
    Column("version", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("job_id", BigInteger),
    Column("modified_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    UniqueConstraint("org_id", "source_id", "key", "fingerprint"),
    ForeignKeyConstraint(["org_id", "source_id"], ["source.org_id", "source.id"]),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    comment="Files that sources have seen, each state of each once; seen_at is when the state was first seen",
)
