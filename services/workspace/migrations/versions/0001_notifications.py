"""Notifications."""

from alembic import op
from raia_kit.migrations import create_kit_tables, tenant_table

revision = "0001"
down_revision = None

_SERVICE = "workspace"

_TABLES = """
create table notification (
    org_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    event_id uuid not null,
    type text not null,
    severity text not null check (severity in ('info', 'success', 'warning', 'error')),
    title text not null,
    message text not null,
    resource_type text not null default '',
    resource_id text not null default '',
    data jsonb not null default '{}',
    read boolean not null default false,
    created_at timestamptz not null default now(),
    read_at timestamptz,
    primary key (org_id, id),
    unique (org_id, user_id, event_id),
    check (read = (read_at is not null))
);
create index notification_newest on notification (org_id, user_id, created_at desc, id desc);
create index notification_unread on notification (org_id, user_id) where not read;
comment on table notification is 'What users are told; one of each event for each user';
"""


def upgrade() -> None:
    create_kit_tables(_SERVICE)
    op.execute(_TABLES)
    tenant_table(_SERVICE, "notification", "select, insert, update, delete")
