"""Tables of streams."""

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
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from raia_ingest.schema import metadata

_NOW = func.now()


def _of_stream() -> tuple[Column[object], Column[object], ForeignKeyConstraint]:
    return (
        Column("org_id", UUID(as_uuid=True), nullable=False),
        Column("stream_id", UUID(as_uuid=True), nullable=False),
        ForeignKeyConstraint(["org_id", "stream_id"], ["data_stream.org_id", "data_stream.id"]),
    )


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


data_stream = Table(
    "data_stream",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("source_type", Text, nullable=False),
    Column("connection_config", JSONB, nullable=False, server_default="{}"),
    Column("schema_info", JSONB, nullable=False),
    Column("schema_version", Integer, nullable=False, server_default="1"),
    Column("landing", JSONB, nullable=False, server_default="{}"),
    Column("status", Text, nullable=False, server_default="inactive"),
    Column("error", Text, nullable=False, server_default=""),
    Column("accept_gap", Boolean, nullable=False, server_default="false"),
    _count("records_received"),
    _count("records_rejected"),
    _count("records_landed"),
    _count("records_lost"),
    _count("deliveries_repeated"),
    _count("landings"),
    _count("batches"),
    Column("last_record_at", DateTime(timezone=True)),
    Column("land_at", DateTime(timezone=True)),
    Column("landing_job_id", BigInteger),
    Column("dataset_id", UUID(as_uuid=True)),
    Column("dataset_version", Integer),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Streams and what they have taken; every record is received once: rejected, landed, or in a batch that "
    "waits",
)

stream_partition = Table(
    "stream_partition",
    metadata,
    *_of_stream(),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("end_offset", BigInteger),
    PrimaryKeyConstraint("org_id", "stream_id", "topic", "partition"),
    comment="How far topics are read; next_offset moves in the transaction that stores the records before it",
)

stream_batch = Table(
    "stream_batch",
    metadata,
    *_of_stream(),
    Column("number", BigInteger, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("records_stored", Integer, nullable=False),
    Column("records_rejected", Integer, nullable=False),
    Column("content", LargeBinary),
    Column("landing", BigInteger),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "stream_id", "number"),
    comment="Records as they were taken, as Arrow; landing tells which of the stream's landings has them, and empties "
    "content",
)

stream_landing = Table(
    "stream_landing",
    metadata,
    *_of_stream(),
    Column("number", BigInteger, nullable=False),
    Column("dataset_id", UUID(as_uuid=True)),
    Column("dataset_version", Integer),
    Column("row_count", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "stream_id", "number"),
    comment="Dataset versions made of a stream; none where every record was rejected",
)

stream_delivery = Table(
    "stream_delivery",
    metadata,
    *_of_stream(),
    Column("delivery_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("records_stored", Integer, nullable=False),
    Column("records_rejected", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "stream_id", "delivery_id"),
    comment="Deliveries that were taken, so that none is taken twice",
)

stream_rejection = Table(
    "stream_rejection",
    metadata,
    *_of_stream(),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("position", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Records that were not stored, and why",
)

stream_minute = Table(
    "stream_minute",
    metadata,
    *_of_stream(),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("records_received", BigInteger, nullable=False),
    Column("records_rejected", BigInteger, nullable=False),
    PrimaryKeyConstraint("org_id", "stream_id", "minute"),
    comment="What streams took by minute",
)
