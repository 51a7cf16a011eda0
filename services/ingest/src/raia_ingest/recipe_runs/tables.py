"""Tables of runs and bindings."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
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

recipe_run = Table(
    "recipe_run",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("recipe_id", UUID(as_uuid=True), nullable=False),
    Column("recipe_version", Integer, nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("target_name", Text, nullable=False),
    Column("wanted_engine", Text, nullable=False, server_default=""),
    Column("binding_id", UUID(as_uuid=True)),
    Column("fitted_by_run_id", UUID(as_uuid=True)),
    Column("joined", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("engine", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("ledger", LargeBinary),
    Column("fitted", LargeBinary),
    Column("reasons", LargeBinary),
    Column("lineage_key", Text, nullable=False, server_default=""),
    Column("removed_key", Text, nullable=False, server_default=""),
    Column("output_dataset_id", UUID(as_uuid=True)),
    Column("output_version", Integer, nullable=False, server_default="0"),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("completed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(
        ["org_id", "recipe_id", "recipe_version"],
        ["recipe_version.org_id", "recipe_version.recipe_id", "recipe_version.version"],
    ),
    ForeignKeyConstraint(
        ["org_id", "dataset_id", "dataset_version"],
        ["dataset_version.org_id", "dataset_version.dataset_id", "dataset_version.version"],
    ),
    comment="Recipes applied to datasets; JSON in bytes, since texts may hold NUL",
)

recipe_binding = Table(
    "recipe_binding",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("recipe_id", UUID(as_uuid=True), nullable=False),
    Column("recipe_version", Integer, nullable=False),
    Column("dataset_id", UUID(as_uuid=True), nullable=False),
    Column("target_name", Text, nullable=False),
    Column("fitting", Text, nullable=False),
    Column("last_run_id", UUID(as_uuid=True)),
    Column("fitted_by_run_id", UUID(as_uuid=True)),
    Column("created_by", UUID(as_uuid=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("org_id", "id"),
    ForeignKeyConstraint(["org_id", "recipe_id"], ["recipe.org_id", "recipe.id"]),
    ForeignKeyConstraint(["org_id", "dataset_id"], ["dataset.org_id", "dataset.id"]),
    comment="Recipes that clean each new version of a dataset",
)
