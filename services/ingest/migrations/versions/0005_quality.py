"""Data quality: rules, validations, reports and issues, and the gates of versions."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0005"
down_revision = "0004"

_SERVICE = "ingest"

_TABLES = """
alter table dataset_version
    add column quality_gate text not null default ''
        check (quality_gate in ('', 'checking', 'passed', 'quarantined', 'released')),
    add column quality_gate_reason text not null default '',
    add column quality_gate_by uuid,
    add column quality_score double precision;

create table quality_rule (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    name text not null,
    description text not null default '',
    kind text not null,
    demand jsonb not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    enabled boolean not null,
    gates boolean not null,
    tolerance double precision not null default 0 check (tolerance between 0 and 1),
    schedule text not null default '',
    schedule_job_id bigint,
    revision integer not null default 1,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create unique index quality_rule_name on quality_rule (org_id, dataset_id, name) where deleted_at is null;
create index quality_rule_created_at on quality_rule (org_id, created_at desc, id desc) where deleted_at is null;
comment on table quality_rule is 'What datasets must be like; schedule_job_id is the job that runs the rule next';

create table dataset_validation (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    trigger text not null check (trigger in ('request', 'version', 'schedule')),
    rules jsonb not null,
    results bytea,
    passed boolean,
    row_count bigint,
    failing_row_count bigint,
    failing_key text,
    quality_gate text not null default '',
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
create index dataset_validation_of on dataset_validation (org_id, dataset_id, created_at desc, id desc);
comment on table dataset_validation is
    'Rules as they were run; results are JSON in bytes, since texts may hold NUL; failing rows are an object';

create table data_quality_report (
    org_id uuid not null,
    id uuid not null,
    dataset_id uuid not null,
    version integer not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    content bytea,
    quality_score double precision,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, dataset_id, version) references dataset_version (org_id, dataset_id, version)
);
create unique index data_quality_report_under_way on data_quality_report (org_id, dataset_id, version)
    where status in ('pending', 'running');
create index data_quality_report_of on data_quality_report (org_id, dataset_id, version, created_at desc, id desc);
comment on table data_quality_report is 'Assessments of versions; content is JSON in bytes, since texts may hold NUL';

create table data_quality_issue (
    org_id uuid not null,
    id uuid not null,
    report_id uuid not null,
    place integer not null,
    kind text not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    dimension text not null,
    column_name text not null,
    count bigint not null,
    fraction double precision not null,
    content bytea not null,
    primary key (org_id, id),
    foreign key (org_id, report_id) references data_quality_report (org_id, id)
);
create index data_quality_issue_of on data_quality_issue (org_id, report_id, place);
comment on table data_quality_issue is
    'What reports found, the gravest first by place; content holds message, recommendation and examples';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    tenant_table(_SERVICE, "quality_rule", "select, insert, update")
    tenant_table(_SERVICE, "dataset_validation", "select, insert, update")
    tenant_table(_SERVICE, "data_quality_report", "select, insert, update")
    tenant_table(_SERVICE, "data_quality_issue", "select, insert")
