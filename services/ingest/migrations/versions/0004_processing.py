"""Where versions are routed, and what processors say of them."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0004"
down_revision = "0003"

_SERVICE = "ingest"

_TABLES = """
create table dataset_routing (
    org_id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('pending', 'succeeded', 'failed')),
    category text not null default '',
    confidence double precision not null default 0,
    detail bytea,
    decided_by text not null default 'classifier' check (decided_by in ('classifier', 'person')),
    error text not null default '',
    job_id bigint,
    decided_at timestamptz,
    primary key (org_id, dataset_id, version),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
comment on table dataset_routing is
    'Where versions belong; detail is scores and evidence as JSON in bytes, since texts may hold NUL';

create table processing_result (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    processor text not null,
    category text not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    options jsonb not null default '{}',
    content bytea,
    attempts integer not null default 0,
    job_id bigint,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, dataset_id, version, processor),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
create index processing_result_created_at on processing_result (org_id, created_at desc, id desc);
comment on table processing_result is
    'What processors say of versions; content is headline, results and notes as JSON in bytes';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table(_SERVICE, "dataset_routing", "select, insert, update")
    tenant_table(_SERVICE, "processing_result", "select, insert, update")
