"""Watched sources and the files that they have seen."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0011"
down_revision = "0010"

_SERVICE = "ingest"

_TABLES = """
create table source (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    kind text not null check (kind in ('folder', 'objects')),
    dataset_name text not null default '',
    enabled boolean not null,
    profile boolean not null,
    poll_seconds integer not null,
    settle_seconds integer not null,
    place jsonb not null,
    sealed bytea,
    credential_names jsonb not null default '[]',
    status text not null check (status in ('stopped', 'waiting', 'looking', 'failed')),
    error text not null default '',
    failures integer not null default 0,
    polled_at timestamptz,
    next_poll_at timestamptz,
    poll_job_id bigint,
    poll_again boolean not null default false,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    revision integer not null default 1,
    deleted_at timestamptz,
    primary key (org_id, id)
);
create unique index source_name on source (org_id, project_id, name) nulls not distinct where deleted_at is null;
create index source_created_at on source (org_id, created_at desc, id desc) where deleted_at is null;
comment on table source is
    'Places that are watched; poll_job_id is the one job that may look, sealed holds encrypted credentials';

create table source_item (
    org_id uuid not null,
    id uuid not null,
    source_id uuid not null,
    key text not null,
    fingerprint text not null,
    status text not null check (status in ('waiting', 'pending', 'taken', 'unchanged', 'failed', 'gone')),
    error text not null default '',
    size bigint not null,
    sha256 text not null default '',
    dataset_id uuid,
    version integer,
    attempts integer not null default 0,
    job_id bigint,
    modified_at timestamptz not null,
    seen_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, source_id, key, fingerprint),
    foreign key (org_id, source_id) references source (org_id, id),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
create index source_item_created_at on source_item (org_id, source_id, created_at desc, id desc);
create index source_item_status on source_item (org_id, source_id, status);
comment on table source_item is
    'Files that sources have seen, each state of each once; seen_at is when the state was first seen';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table(_SERVICE, "source", "select, insert, update")
    tenant_table(_SERVICE, "source_item", "select, insert, update")
