"""The table of signing keys."""

from sqlalchemy import Column, DateTime, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from raia_auth.schema import metadata

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_key", JSONB, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("active_from", DateTime(timezone=True), nullable=False),
    Column("retires_at", DateTime(timezone=True), nullable=False),
    Column("published_until", DateTime(timezone=True), nullable=False),
    comment="Keys that sign access tokens; the private halves are sealed under the envelope key",
)
