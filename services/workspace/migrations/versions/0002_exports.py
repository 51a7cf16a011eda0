"""Exports."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0002"
down_revision = "0001"

_SERVICE = "workspace"

_TABLES = """
create table export_job (
    org_id uuid not null,
    id uuid not null,
    format text not null check (format in ('pdf', 'json')),
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    model_id uuid not null,
    version integer not null,
    filename text not null,
    job_id bigint,
    created_by uuid not null,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    omissions text[] not null default '{}',
    object_key text,
    sha256 text,
    file_size bigint,
    primary key (org_id, id),
    check ((status = 'succeeded') = (object_key is not null))
);
create index export_job_newest on export_job (org_id, created_by, created_at desc, id desc);
create index export_job_object on export_job (org_id, object_key) where object_key is not null;
comment on table export_job is 'Exports of governance records; the files lie in the object store';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table(_SERVICE, "export_job", "select, insert, update, delete")
