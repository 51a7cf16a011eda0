"""The table that searches look into."""

from sqlalchemy import Column, ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import TSVECTOR, UUID

from raia_ingest.schema import metadata

dataset_search = Table(
    "dataset_search",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("texts", LargeBinary, nullable=False),
    Column("terms", TSVECTOR, nullable=False),
    PrimaryKeyConstraint("org_id", "dataset_id"),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="Words of datasets by weight; texts is JSON in bytes, since values may hold NUL",
)
