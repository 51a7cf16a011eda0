"""Exploratory reports of dataset versions."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0003"
down_revision = "0002"

_SERVICE = "ingest"

_TABLE = """
create table dataset_report (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    content bytea,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, dataset_id, version),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
comment on table dataset_report is 'Exploratory reports; JSON in bytes, since texts may hold NUL'
"""


def upgrade() -> None:
    op.execute(_TABLE)
    tenant_table(_SERVICE, "dataset_report", "select, insert, update")
