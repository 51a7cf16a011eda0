"""Differences between versions."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0009"
down_revision = "0008"

_SERVICE = "ingest"

_TABLE = """
create table version_diff (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    base_version integer not null,
    key_columns bytea not null,
    key_digest text not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    content bytea,
    rows_key text,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, dataset_id, version, base_version, key_digest),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version),
    foreign key (org_id, dataset_id, base_version) references dataset_version (org_id, dataset_id, version)
);
comment on table version_diff is
    'Comparisons of versions; keys and content are JSON in bytes, since texts may hold NUL; rows are an object'
"""


def upgrade() -> None:
    op.execute(_TABLE)
    tenant_table(_SERVICE, "version_diff", "select, insert, update")
