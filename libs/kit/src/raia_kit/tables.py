"""The tables that the kit keeps in every service's schema, beside the service's own."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

kit_metadata = MetaData()

_NOW = func.now()

outbox = Table(
    "outbox",
    kit_metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    comment="Events written with the change they tell of; the relay publishes and deletes them in order",
)

inbox = Table(
    "inbox",
    kit_metadata,
    Column("consumer", Text, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("consumer", "event_id"),
    Index("inbox_received_at", "received_at"),
    comment="Events whose effect has happened, so that it happens once",
)

consumer_position = Table(
    "consumer_position",
    kit_metadata,
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False, server_default="0"),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("consumer", "topic", "partition"),
    comment="How far each consumer has come",
)

dead_letter = Table(
    "dead_letter",
    kit_metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False, server_default="0"),
    Column("position", BigInteger, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default="waiting"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    UniqueConstraint("consumer", "event_id"),
    comment="Messages that a consumer could not process",
)

idempotency_key = Table(
    "idempotency_key",
    kit_metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("caller", Text, nullable=False),
    Column("rpc", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("answer", LargeBinary),
    Column("trailers", JSONB),
    Column("claimed_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "caller", "rpc", "key"),
    Index("idempotency_key_created_at", "created_at"),
    comment="Answers of mutating calls by the caller's key, kept 24 h",
)

audit_entry = Table(
    "audit_entry",
    kit_metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("actor_user_id", UUID(as_uuid=True)),
    Column("actor_service", Text),
    Column("action", Text, nullable=False),
    Column("resource_type", Text, nullable=False, server_default=""),
    Column("resource_id", Text, nullable=False, server_default=""),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("request_id", Text, nullable=False, server_default=""),
    Column("details", JSONB, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("org_id", "id"),
    comment="What was done, written with the change; insert-only, shipped to auth's ledger",
)

TENANT_TABLES = ("idempotency_key", "audit_entry")
"""Kit tables under row security."""

PLATFORM_TABLES = {
    "outbox": "the relay reads all tenants' events in one order",
    "inbox": "holds event ids, no tenant data",
    "consumer_position": "holds positions, no tenant data",
    "dead_letter": "operators inspect what no tenant's unit of work could process",
}
"""Kit tables without a tenant, with the reason; a test compares the list with the catalogue."""
