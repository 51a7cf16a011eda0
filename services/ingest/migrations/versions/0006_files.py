"""What became of every record, how files are read, uploads in parts, and documents that describe datasets."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0006"
down_revision = "0005"

_SERVICE = "ingest"

_TABLES = """
alter table dataset_version
    add column repaired_row_count bigint not null default 0,
    add column ledger_key text,
    add column read_options jsonb not null default '{}';
alter table dataset add column column_descriptions jsonb not null default '{}';

create table upload (
    org_id uuid not null,
    id uuid not null,
    created_by uuid,
    project_id uuid,
    name text not null,
    description text not null,
    filename text not null,
    file_size bigint not null,
    sha256 text not null,
    read_options jsonb not null,
    direct boolean not null default false,
    status text not null check (status in ('open', 'completing', 'completed', 'failed', 'aborted')),
    error text not null default '',
    dataset_id uuid,
    version integer,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (org_id, id)
);
create index upload_created_by on upload (org_id, created_by, created_at desc, id desc);
comment on table upload is 'Files that come in parts';

create table upload_part (
    org_id uuid not null,
    upload_id uuid not null,
    number integer not null,
    size bigint not null,
    sha256 text not null,
    object_key text not null,
    primary key (org_id, upload_id, number),
    foreign key (org_id, upload_id) references upload (org_id, id)
);
comment on table upload_part is 'Parts that have come through the platform';

create table attachment (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    filename text not null,
    kind text not null,
    file_size bigint not null,
    sha256 text not null,
    object_key text not null,
    summary text not null,
    fields jsonb not null,
    described_column_count integer not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create index attachment_dataset on attachment (org_id, dataset_id, created_at desc, id desc) where deleted_at is null;
comment on table attachment is 'Documents that describe datasets, and what they say of fields';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table(_SERVICE, "upload", "select, insert, update")
    tenant_table(_SERVICE, "upload_part", "select, insert, update")
    tenant_table(_SERVICE, "attachment", "select, insert, update")
