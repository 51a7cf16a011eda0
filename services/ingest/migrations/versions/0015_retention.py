"""Retention: policies, and versions that are archived."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0015"
down_revision = "0014"

_SERVICE = "ingest"

_TABLE = """
alter table dataset_version
    add column archive jsonb,
    drop constraint dataset_version_status_check,
    add constraint dataset_version_status_check
        check (status in ('processing', 'ready', 'failed', 'archived'));

create table retention_policy (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid,
    keep_versions integer not null check (keep_versions >= 0),
    keep_days integer not null check (keep_days >= 0),
    force boolean not null,
    job_id bigint,
    updated_by uuid,
    updated_at timestamptz not null default now(),
    primary key (org_id, id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create unique index retention_policy_of on retention_policy (org_id, dataset_id) where dataset_id is not null;
create unique index retention_policy_organisation on retention_policy (org_id) where dataset_id is null;
comment on table retention_policy is
    'How long versions keep their bytes; job_id is the job that looks next; no dataset: the organisation''s'
"""


def upgrade() -> None:
    op.execute(_TABLE)
    tenant_table(_SERVICE, "retention_policy", "select, insert, update")
