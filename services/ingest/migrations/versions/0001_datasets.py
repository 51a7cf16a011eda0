"""Datasets, their versions and profiles."""

from alembic import op
from raia_kit.migrations import create_kit_tables, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "ingest"

_TABLES = """
create table dataset (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    description text not null default '',
    uploaded_by uuid,
    latest_version integer not null,
    shown_version integer not null,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id)
);
create unique index dataset_name on dataset (org_id, project_id, name) nulls not distinct where deleted_at is null;
create index dataset_created_at on dataset (org_id, created_at desc, id desc) where deleted_at is null;
comment on table dataset is 'Tables of data by name; shown_version is the latest ready one, else the latest';

create table dataset_version (
    org_id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('processing', 'ready', 'failed')),
    error text not null default '',
    filename text not null,
    file_type text not null,
    file_size bigint not null,
    sha256 text not null,
    object_key text not null,
    job_id bigint,
    row_count bigint,
    column_count integer,
    rejected_row_count bigint not null default 0,
    schema_info jsonb,
    stored_key text,
    stored_sha256 text,
    stored_bytes bigint,
    created_by uuid,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (org_id, dataset_id, version),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
comment on table dataset_version is 'Files as they came and the rows read from them';

create table dataset_profile (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    statistics bytea,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, dataset_id, version),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
comment on table dataset_profile is 'Exact statistics; JSON in bytes, since texts may hold NUL';
"""


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    op.execute(_TABLES)
    tenant_table(_SERVICE, "dataset", "select, insert, update")
    tenant_table(_SERVICE, "dataset_version", "select, insert, update")
    tenant_table(_SERVICE, "dataset_profile", "select, insert, update")
