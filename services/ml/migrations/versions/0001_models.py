"""Models, versions, training runs, deployment, policy, evidence, verdicts and predictions."""

from alembic import op
from raia_kit.migrations import create_kit_tables, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "ml"

_REGISTRY = """
create table model (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    type text not null default '' check (type in ('', 'classification', 'regression')),
    created_by uuid,
    latest_version integer not null default 0,
    revision integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id)
);
create unique index model_name on model (org_id, name) where deleted_at is null;
create index model_created_at on model (org_id, created_at desc, id desc) where deleted_at is null;
comment on table model is 'Models by name; type is empty until the first version';

create table training_run (
    org_id uuid not null,
    id uuid not null,
    model_id uuid not null,
    status text not null check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision not null default 0,
    message text not null default '',
    error text not null default '',
    version integer not null default 0,
    dataset_id uuid not null,
    dataset_version integer not null,
    target text not null,
    algorithm text not null,
    plan jsonb not null,
    parameters jsonb not null,
    seed bigint not null,
    warnings jsonb not null default '[]',
    job_id bigint,
    created_by uuid,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    primary key (org_id, id),
    foreign key (org_id, model_id) references model (org_id, id)
);
create index training_run_created_at on training_run (org_id, created_at desc, id desc);
create index training_run_model on training_run (org_id, model_id);
comment on table training_run is 'Trainings as work that takes time; plan is what the worker is told';

create table model_version (
    org_id uuid not null,
    model_id uuid not null,
    version integer not null,
    algorithm text not null,
    framework text not null,
    digest text not null,
    object_key text not null,
    size_bytes bigint not null,
    holdout_key text not null,
    holdout_sha256 text not null,
    accuracy double precision,
    signature jsonb not null,
    metrics jsonb not null,
    training_data_info jsonb not null,
    metadata jsonb not null,
    training_run_id uuid not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (org_id, model_id, version),
    unique (org_id, training_run_id),
    foreign key (org_id, model_id) references model (org_id, id),
    foreign key (org_id, training_run_id) references training_run (org_id, id)
);
comment on table model_version is 'Versions of models; never changed';

create table model_prediction (
    org_id uuid not null,
    id uuid not null,
    model_id uuid not null,
    version integer not null,
    input_data jsonb not null,
    prediction jsonb not null,
    confidence double precision,
    probabilities jsonb not null,
    warnings jsonb not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    primary key (org_id, id),
    foreign key (org_id, model_id, version) references model_version (org_id, model_id, version)
);
create index model_prediction_made on model_prediction (org_id, model_id, created_at desc);
comment on table model_prediction is 'Predictions, each with the row and the version that made it';
"""

_GATES = """
create table deployment_policy (
    org_id uuid not null primary key,
    version integer not null
);
comment on table deployment_policy is 'Which version of its policy an organisation applies: the row that gates lock';

create table deployment_policy_version (
    org_id uuid not null,
    version integer not null,
    protected_attributes text[] not null,
    minimum_disparate_impact double precision not null,
    updated_by uuid,
    updated_at timestamptz not null default now(),
    primary key (org_id, version)
);
comment on table deployment_policy_version is 'Deployment policies, every change a version';

create table evidence (
    org_id uuid not null,
    id uuid not null,
    kind text not null,
    model_id uuid not null,
    version integer not null,
    digest text not null,
    report_id uuid not null,
    report_digest text not null,
    figures jsonb not null,
    recorded_by text not null,
    created_at timestamptz not null default now(),
    withdrawn_at timestamptz,
    primary key (org_id, id),
    unique (org_id, report_id),
    foreign key (org_id, model_id, version) references model_version (org_id, model_id, version)
);
create index evidence_model on evidence (org_id, model_id, created_at desc, id desc);
comment on table evidence is 'Facts about versions that gates rest on';

create table verdict (
    org_id uuid not null,
    id uuid not null,
    model_id uuid not null,
    version integer not null,
    digest text not null,
    allowed boolean not null,
    policy_version integer not null,
    checks jsonb not null,
    created_by uuid,
    created_at timestamptz not null default now(),
    made_in bigint not null default pg_current_xact_id()::text::bigint,
    primary key (org_id, id),
    foreign key (org_id, model_id, version) references model_version (org_id, model_id, version)
);
create index verdict_model on verdict (org_id, model_id, created_at desc, id desc);
comment on table verdict is 'What the gate decided; made_in is the transaction that it was decided in';

create table deployment_change (
    org_id uuid not null,
    id uuid not null,
    model_id uuid not null,
    version integer,
    previous_version integer,
    digest text,
    verdict_id uuid,
    reason text not null default '',
    created_by uuid,
    created_at timestamptz not null default now(),
    made_in bigint not null default pg_current_xact_id()::text::bigint,
    primary key (org_id, id),
    foreign key (org_id, verdict_id) references verdict (org_id, id),
    check ((version is null) = (verdict_id is null) and (version is null) = (digest is null))
);
create index deployment_change_model on deployment_change (org_id, model_id, created_at desc);
comment on table deployment_change is 'Swaps and withdrawals; a version of null is a withdrawal';

create table deployment (
    org_id uuid not null,
    model_id uuid not null,
    production_version integer,
    digest text,
    verdict_id uuid,
    change_id uuid,
    deployed_at timestamptz,
    primary key (org_id, model_id),
    foreign key (org_id, model_id) references model (org_id, id),
    foreign key (org_id, model_id, production_version) references model_version (org_id, model_id, version),
    foreign key (org_id, verdict_id) references verdict (org_id, id),
    foreign key (org_id, change_id) references deployment_change (org_id, id)
);
comment on table deployment is 'Which version of a model is in production: the row that swaps lock';
"""

_TRIGGERS = """
create function refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $body$
begin
    raise exception '% is never changed', tg_table_name using errcode = 'restrict_violation';
end
$body$;
create trigger immutable before update or delete on model_version for each row execute function refuse_change();
create trigger immutable before update or delete on verdict for each row execute function refuse_change();
create trigger immutable before update or delete on deployment_change for each row execute function refuse_change();
create trigger immutable before update or delete on deployment_policy_version
    for each row execute function refuse_change();

create function guard_evidence() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $body$
begin
    if tg_op = 'DELETE' or to_jsonb(new) - 'withdrawn_at' is distinct from to_jsonb(old) - 'withdrawn_at'
       or old.withdrawn_at is not null then
        raise exception 'evidence is withdrawn, never changed' using errcode = 'restrict_violation';
    end if;
    return new;
end
$body$;
create trigger guarded before update or delete on evidence for each row execute function guard_evidence();

create function guard_production() returns trigger language plpgsql set search_path = raia_ml, pg_catalog, pg_temp
as $body$
declare
    change deployment_change;
    allowing verdict;
    now_in bigint default pg_catalog.pg_current_xact_id()::text::bigint;
begin
    if tg_op = 'DELETE' then
        raise exception 'a deployment is never deleted' using errcode = 'restrict_violation';
    end if;
    if tg_op = 'INSERT' then
        if new.production_version is null and new.verdict_id is null and new.change_id is null
           and new.deployed_at is null and new.digest is null then
            return new;
        end if;
    elsif new is not distinct from old then
        return new;
    elsif new.org_id <> old.org_id or new.model_id <> old.model_id then
        raise exception 'a deployment stays with its model' using errcode = 'restrict_violation';
    end if;
    select * into change from deployment_change c
        where c.org_id = new.org_id and c.id = new.change_id and c.model_id = new.model_id and c.made_in = now_in
          and c.version is not distinct from new.production_version and c.digest is not distinct from new.digest
          and c.verdict_id is not distinct from new.verdict_id;
    if not found then
        raise exception 'production changes with a record of the change alone' using errcode = 'restrict_violation';
    end if;
    if tg_op = 'UPDATE' and (change.previous_version is distinct from old.production_version
                             or new.change_id is not distinct from old.change_id) then
        raise exception 'the record is about another change' using errcode = 'restrict_violation';
    end if;
    if new.production_version is not null then
        select * into allowing from verdict v
            where v.org_id = new.org_id and v.id = new.verdict_id and v.allowed and v.model_id = new.model_id
              and v.version = new.production_version and v.digest = new.digest and v.made_in = now_in;
        if not found then
            raise exception 'production needs a verdict that allows this very version'
                using errcode = 'restrict_violation';
        end if;
        perform 1 from model_version m
            where m.org_id = new.org_id and m.model_id = new.model_id and m.version = new.production_version
              and m.digest = new.digest;
        if not found then
            raise exception 'the digest is not that of the version' using errcode = 'restrict_violation';
        end if;
    end if;
    return new;
end
$body$;
create trigger guarded before insert or update or delete on deployment
    for each row execute function guard_production();
"""


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    op.execute(_REGISTRY)
    op.execute(_GATES)
    op.execute(_TRIGGERS)
    for table in ("model", "training_run", "deployment", "deployment_policy", "evidence"):
        tenant_table(_SERVICE, table, "select, insert, update")
    for table in (
        "model_version",
        "model_prediction",
        "deployment_policy_version",
        "verdict",
        "deployment_change",
    ):
        tenant_table(_SERVICE, table, "select, insert")
