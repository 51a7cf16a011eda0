"""Tables of recipes and their versions."""

from sqlalchemy import (
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
from sqlalchemy.dialects.postgresql import UUID

from raia_ingest.schema import metadata

_NOW = func.now()

recipe = Table(
    "recipe",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("latest_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Recipes by name",
)

recipe_version = Table(
    "recipe_version",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("recipe_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Column("change_note", Text, nullable=False, server_default=""),
    Column("restored_version", Integer, nullable=False, server_default="0"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "recipe_id", "version"),
    ForeignKeyConstraint(["org_id", "recipe_id"], ["recipe.org_id", "recipe.id"]),
    comment="Steps, never changed; JSON in bytes, since texts may hold anything",
)
