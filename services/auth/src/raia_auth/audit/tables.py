"""The table of the ledger."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_auth.schema import metadata

# Collation C: names are compared byte by byte, so that "dataset.*" is a range of the index.
_NAME = Text(collation="C")

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("service", _NAME, nullable=False),
    Column("actor_user_id", _NAME, nullable=False),
    Column("actor_service", _NAME, nullable=False),
    Column("action", _NAME, nullable=False),
    Column("resource_type", _NAME, nullable=False),
    Column("resource_id", _NAME, nullable=False),
    Column("outcome", _NAME, nullable=False),
    Column("reason", _NAME, nullable=False),
    Column("request_id", _NAME, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sequenced_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("org_id", "place"),
    UniqueConstraint("org_id", "id"),
    Index("ledger_entry_occurred_at", "org_id", "occurred_at"),
    Index("ledger_entry_action", "org_id", "action", "place"),
    Index("ledger_entry_actor", "org_id", "actor_user_id", "place"),
    Index("ledger_entry_resource", "org_id", "resource_type", "resource_id", "place"),
    comment="Every organisation's audit ledger: a chain of hashes, insert-only",
)
