"""Identities, sessions, keys, memberships, grants and the ledger."""

from alembic import op
from raia_kit.migrations import create_kit_tables, grant, platform_table, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "auth"

_PLATFORM = """
create table organisation (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null default now()
);
comment on table organisation is 'The tenants';

create table users (
    id uuid primary key,
    email text not null unique,
    password_hash text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table users is 'Identities: one row a person, whatever organisations they belong to';

create table user_sessions (
    session_id text primary key,
    user_id uuid not null references users (id) on delete cascade,
    org_id uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    refreshed_at timestamptz not null default now(),
    address text not null default '',
    revoked_at timestamptz,
    revoked_for text
);
create index user_sessions_user_id on user_sessions (user_id);
create index user_sessions_expires_at on user_sessions (expires_at);
comment on table user_sessions is 'Sign-ins, each with the family of refresh tokens that descend from it';

create table refresh_token (
    digest bytea primary key,
    session_id text not null references user_sessions (session_id) on delete cascade,
    issued_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index refresh_token_session_id on refresh_token (session_id);
comment on table refresh_token is 'Digests of refresh tokens, used ones too, so that a stolen one is recognised';

create table signing_key (
    kid text primary key,
    public_key jsonb not null,
    private_key bytea not null,
    created_at timestamptz not null default now(),
    active_from timestamptz not null,
    retires_at timestamptz not null,
    published_until timestamptz not null
);
comment on table signing_key is 'Keys that sign access tokens; the private halves are sealed under the envelope key';

create table sign_in_throttle (
    subject bytea primary key,
    failures integer not null,
    failed_at timestamptz not null,
    locked_until timestamptz
);
create index sign_in_throttle_failed_at on sign_in_throttle (failed_at);
comment on table sign_in_throttle is
    'Failed sign-ins by digest of account or address, of accounts that do not exist too';
"""

_TENANT = """
create table membership (
    org_id uuid not null,
    user_id uuid not null,
    name text not null,
    roles text[] not null,
    is_active boolean not null,
    last_login timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (org_id, user_id)
);
create index membership_user_id on membership (user_id);
comment on table membership is 'Users in organisations, with the roles they hold there';

create table project_grant (
    org_id uuid not null,
    project_id uuid not null,
    user_id uuid not null,
    roles text[] not null,
    primary key (org_id, project_id, user_id)
);
comment on table project_grant is 'Roles that users hold in one project alone';

create table resource_grant (
    org_id uuid not null,
    resource_type text not null,
    resource_id uuid not null,
    user_id uuid not null,
    permissions text[] not null,
    primary key (org_id, resource_type, resource_id, user_id)
);
comment on table resource_grant is 'Permissions that users hold on one resource alone';

create table project_restriction (
    org_id uuid not null,
    project_id uuid not null,
    restricted boolean not null,
    primary key (org_id, project_id)
);
comment on table project_restriction is 'Projects that their grantees alone see';
"""

_LEDGER = """
create table ledger_entry (
    org_id uuid not null,
    place bigint not null,
    id uuid not null,
    occurred_at timestamptz not null,
    service text collate "C" not null,
    actor_user_id text collate "C" not null,
    actor_service text collate "C" not null,
    action text collate "C" not null,
    resource_type text collate "C" not null,
    resource_id text collate "C" not null,
    outcome text collate "C" not null,
    reason text collate "C" not null,
    request_id text collate "C" not null,
    details jsonb not null,
    previous_hash bytea not null,
    hash bytea not null,
    sequenced_at timestamptz not null default now(),
    primary key (org_id, place),
    unique (org_id, id)
);
create index ledger_entry_occurred_at on ledger_entry (org_id, occurred_at);
create index ledger_entry_action on ledger_entry (org_id, action, place);
create index ledger_entry_actor on ledger_entry (org_id, actor_user_id, place);
create index ledger_entry_resource on ledger_entry (org_id, resource_type, resource_id, place);
comment on table ledger_entry is 'Every organisation''s audit ledger: a chain of hashes, insert-only';
"""

# The view reads as its owner, whom row security exempts, and filters by the tenant itself: an organisation sees its own
# members' addresses and nobody else's.
_VIEW = """
create view organisation_user with (security_barrier) as
select
    membership.org_id, users.id, users.email, membership.name, membership.roles[1] as role, membership.roles,
    membership.is_active, membership.last_login, membership.created_at, membership.updated_at, membership.version
from membership
join users on users.id = membership.user_id
where membership.org_id = (select current_setting('raia.org_id')::uuid);
"""

_CROSS_TENANT_READS = ("membership", "project_grant", "resource_grant", "project_restriction")


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    for script in (_PLATFORM, _TENANT, _LEDGER, _VIEW):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
    for name in ("organisation", "users", "user_sessions", "refresh_token", "signing_key", "sign_in_throttle"):
        platform_table(_SERVICE, name)
    for name in _CROSS_TENANT_READS:
        tenant_table(_SERVICE, name)
        # Sign-in looks for a user's organisations and the access snapshot holds all of them: both read, never write.
        op.execute(f"create policy platform_read on {name} for select to raia_auth_platform using (true)")
        grant(_SERVICE, name, "select", to="platform")
    tenant_table(_SERVICE, "ledger_entry", "select, insert")
    grant(_SERVICE, "organisation_user", "select")
