"""Explanations and fairness reports."""

from alembic import op
from raia_kit.migrations import create_kit_tables, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "explain"

_TABLES = """
create table explanation (
    org_id uuid not null,
    id uuid not null,
    parameter_digest text not null,
    kind text not null check (kind in ('shap', 'feature_importance')),
    method text not null,
    model_id uuid not null,
    project_id uuid,
    version integer not null,
    digest text not null,
    dataset_id uuid not null,
    dataset_version integer not null,
    scope text not null check (scope in ('rows', 'holdout', 'every')),
    chosen_rows jsonb not null,
    explained_class text not null default '',
    target text not null default '',
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    result bytea,
    result_key text,
    duration_ms double precision not null default 0,
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    unique (org_id, parameter_digest),
    check (status <> 'succeeded' or result is not null or result_key is not null)
);
create index explanation_model on explanation (org_id, model_id, version);
comment on table explanation is
    'SHAP values and feature importance, one row for equal parameters; large results lie in objects';

create table fairness_report (
    org_id uuid not null,
    id uuid not null,
    model_id uuid not null,
    project_id uuid,
    version integer not null,
    digest text not null,
    dataset_id uuid not null,
    dataset_version integer not null,
    target text not null,
    definitions bytea not null,
    favourable_outcome bytea not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    error text not null default '',
    job_id bigint,
    recording boolean not null default false,
    content bytea,
    figures bytea,
    report_digest text,
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    check (status <> 'succeeded' or (content is not null and report_digest is not null))
);
create index fairness_report_model on fairness_report (org_id, model_id, created_at desc, id desc);
comment on table fairness_report is
    'Fairness analyses; JSON in bytes, since texts may hold NUL; a finished one never changes';

create function keep_finished() returns trigger language plpgsql as $$
begin
    raise exception 'a succeeded % never changes', tg_table_name using errcode = 'check_violation';
end $$;
create trigger explanation_finished before update on explanation
    for each row when (old.status = 'succeeded') execute function keep_finished();
create trigger fairness_report_finished before update on fairness_report
    for each row when (old.status = 'succeeded') execute function keep_finished();
"""


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    op.execute(_TABLES)
    tenant_table(_SERVICE, "explanation", "select, insert, update")
    tenant_table(_SERVICE, "fairness_report", "select, insert, update")
