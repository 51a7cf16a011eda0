"""Target schemas, mappings with what people say of them, their runs and review queues."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0008"
down_revision = "0007"

_SERVICE = "ingest"

_TABLES = """
create table target_schema (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    description text not null default '',
    format text not null check (format in ('built_in', 'api', 'sql', 'json_schema', 'csv')),
    entities jsonb not null,
    revision integer not null default 1,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id)
);
create unique index target_schema_name on target_schema (org_id, project_id, name) nulls not distinct
    where deleted_at is null;
create unique index target_schema_built_in on target_schema (org_id) where format = 'built_in';
comment on table target_schema is 'Schemas that datasets are mapped to';

create table mapping (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    dataset_version integer not null,
    schema_id uuid not null,
    project_id uuid,
    status text not null check (status in ('pending', 'running', 'ready', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    column_count integer not null default 0,
    accepted_count integer not null default 0,
    open_count integer not null default 0,
    feedback_version bigint not null default 0,
    accept_at double precision not null,
    revision integer not null default 1,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, dataset_id, dataset_version) references dataset_version (org_id, dataset_id, version),
    foreign key (org_id, schema_id) references target_schema (org_id, id)
);
create index mapping_created_at on mapping (org_id, created_at desc, id desc) where deleted_at is null;
create index mapping_schema on mapping (org_id, schema_id, id desc);
comment on table mapping is 'Where the columns of dataset versions go in schemas';

create table mapping_column (
    org_id uuid not null,
    mapping_id uuid not null,
    position integer not null,
    name text not null,
    status text not null check (status in ('suggested', 'auto_accepted', 'accepted', 'corrected', 'none')),
    field text not null default '',
    content bytea not null,
    decided_by uuid,
    decided_at timestamptz,
    primary key (org_id, mapping_id, position),
    foreign key (org_id, mapping_id) references mapping (org_id, id)
);
comment on table mapping_column is
    'Columns of mappings; summaries and candidates as JSON in bytes, since texts may hold NUL';

create table mapping_feedback (
    org_id uuid not null,
    schema_id uuid not null,
    version bigint not null,
    mapping_id uuid not null,
    column_name text not null,
    verdict text not null check (verdict in ('accepted', 'rejected', 'none')),
    field text not null default '',
    content bytea not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (org_id, schema_id, version),
    foreign key (org_id, schema_id) references target_schema (org_id, id)
);
comment on table mapping_feedback is 'What people decided about columns, by schema; the next suggestion heeds it';

create table mapping_run (
    org_id uuid not null,
    id uuid not null,
    mapping_id uuid not null,
    dataset_id uuid not null,
    dataset_version integer not null,
    schema_id uuid not null,
    project_id uuid,
    retry_of uuid,
    mapping_revision integer not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    result bytea,
    anomaly_count bigint not null default 0,
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, mapping_id) references mapping (org_id, id)
);
create index mapping_run_created_at on mapping_run (org_id, created_at desc, id desc);
comment on table mapping_run is 'Transformations of dataset versions by mappings; result is JSON in bytes';

create table mapping_review_item (
    org_id uuid not null,
    id uuid not null,
    run_id uuid not null,
    record bigint not null,
    reason text not null,
    field text not null default '',
    content bytea not null,
    status text not null check (status in ('open', 'corrected', 'stored', 'dismissed')),
    resolved_by uuid,
    resolved_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, run_id) references mapping_run (org_id, id)
);
create index mapping_review_item_run on mapping_review_item (org_id, run_id, record, id);
comment on table mapping_review_item is
    'Records that runs rejected; the row is JSON in bytes, since texts may hold NUL';

create table mapping_entity (
    org_id uuid not null,
    schema_id uuid not null,
    project_id uuid,
    entity text not null,
    dataset_id uuid not null,
    foreign key (org_id, schema_id) references target_schema (org_id, id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create unique index mapping_entity_key on mapping_entity (org_id, schema_id, project_id, entity) nulls not distinct;
comment on table mapping_entity is 'Which dataset holds the rows of an entity of a schema, by project';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    for table in ("target_schema", "mapping", "mapping_column", "mapping_run", "mapping_review_item", "mapping_entity"):
        tenant_table(_SERVICE, table, "select, insert, update")
    tenant_table(_SERVICE, "mapping_feedback", "select, insert")
