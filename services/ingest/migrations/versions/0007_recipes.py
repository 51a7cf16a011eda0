"""Recipes, their runs and bindings."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0007"
down_revision = "0006"

_SERVICE = "ingest"

_TABLES = """
create table recipe (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    description text not null default '',
    latest_version integer not null,
    revision integer not null default 1,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id)
);
create unique index recipe_name on recipe (org_id, project_id, name) nulls not distinct where deleted_at is null;
create index recipe_created_at on recipe (org_id, created_at desc, id desc) where deleted_at is null;
comment on table recipe is 'Recipes by name';

create table recipe_version (
    org_id uuid not null,
    recipe_id uuid not null,
    version integer not null,
    steps bytea not null,
    change_note text not null default '',
    restored_version integer not null default 0,
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (org_id, recipe_id, version),
    foreign key (org_id, recipe_id) references recipe (org_id, id)
);
comment on table recipe_version is 'Steps, never changed; JSON in bytes, since texts may hold anything';

create table recipe_run (
    org_id uuid not null,
    id uuid not null,
    recipe_id uuid not null,
    recipe_version integer not null,
    dataset_id uuid not null,
    dataset_version integer not null,
    project_id uuid,
    target_name text not null,
    wanted_engine text not null default '',
    binding_id uuid,
    fitted_by_run_id uuid,
    joined bytea not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    engine text not null default '',
    job_id bigint,
    ledger bytea,
    fitted bytea,
    reasons bytea,
    lineage_key text not null default '',
    removed_key text not null default '',
    output_dataset_id uuid,
    output_version integer not null default 0,
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, recipe_id, recipe_version) references recipe_version (org_id, recipe_id, version),
    foreign key (org_id, dataset_id, dataset_version) references dataset_version (org_id, dataset_id, version)
);
create index recipe_run_created_at on recipe_run (org_id, created_at desc, id desc);
comment on table recipe_run is 'Recipes applied to datasets; JSON in bytes, since texts may hold NUL';

create table recipe_binding (
    org_id uuid not null,
    id uuid not null,
    recipe_id uuid not null,
    recipe_version integer not null,
    dataset_id uuid not null,
    target_name text not null,
    fitting text not null check (fitting in ('reuse', 'refit')),
    last_run_id uuid,
    fitted_by_run_id uuid,
    created_by uuid,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, recipe_id) references recipe (org_id, id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create index recipe_binding_dataset on recipe_binding (org_id, dataset_id) where deleted_at is null;
comment on table recipe_binding is 'Recipes that clean each new version of a dataset';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    for table in ("recipe", "recipe_version", "recipe_run", "recipe_binding"):
        tenant_table(_SERVICE, table, "select, insert, update")
