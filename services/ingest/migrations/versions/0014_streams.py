"""Streams: what they are, how far they are read, what waits to be landed and what was rejected."""

from alembic import op
from raia_kit.migrations import grant_execute, tenant_table

revision = "0014"
down_revision = "0013"

_SERVICE = "ingest"

_TABLES = """
create table data_stream (
    org_id uuid not null,
    id uuid not null,
    project_id uuid,
    name text not null,
    description text not null default '',
    source_type text not null check (source_type in ('kafka', 'webhook')),
    connection_config jsonb not null default '{}',
    schema_info jsonb not null,
    schema_version integer not null default 1,
    landing jsonb not null default '{}',
    status text not null default 'inactive' check (status in ('inactive', 'running', 'failed')),
    error text not null default '',
    accept_gap boolean not null default false,
    records_received bigint not null default 0,
    records_rejected bigint not null default 0,
    records_landed bigint not null default 0,
    records_lost bigint not null default 0,
    deliveries_repeated bigint not null default 0,
    landings bigint not null default 0,
    batches bigint not null default 0,
    last_record_at timestamptz,
    land_at timestamptz,
    landing_job_id bigint,
    dataset_id uuid,
    dataset_version integer,
    revision integer not null default 1,
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (org_id, id),
    check (records_received - records_rejected >= records_landed)
);
create unique index data_stream_name on data_stream (org_id, project_id, name) nulls not distinct
    where deleted_at is null;
create index data_stream_created_at on data_stream (org_id, created_at desc, id desc) where deleted_at is null;
create index data_stream_running on data_stream (source_type) where status = 'running' and deleted_at is null;
create index data_stream_land_at on data_stream (land_at) where land_at is not null and landing_job_id is null;
comment on table data_stream is
    'Streams and what they have taken; every record is received once: rejected, landed, or in a batch that waits';

create table stream_partition (
    org_id uuid not null,
    stream_id uuid not null,
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    end_offset bigint,
    primary key (org_id, stream_id, topic, partition),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
comment on table stream_partition is
    'How far topics are read; next_offset moves in the transaction that stores the records before it';

create table stream_batch (
    org_id uuid not null,
    stream_id uuid not null,
    number bigint not null,
    schema_version integer not null,
    records_stored integer not null,
    records_rejected integer not null,
    content bytea,
    landing bigint,
    created_at timestamptz not null default now(),
    primary key (org_id, stream_id, number),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
create index stream_batch_waiting on stream_batch (org_id, stream_id, number) where landing is null;
comment on table stream_batch is
    'Records as they were taken, as Arrow; landing tells which of the stream''s landings has them, and empties content';

create table stream_landing (
    org_id uuid not null,
    stream_id uuid not null,
    number bigint not null,
    dataset_id uuid,
    dataset_version integer,
    row_count bigint not null,
    created_at timestamptz not null default now(),
    primary key (org_id, stream_id, number),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
comment on table stream_landing is 'Dataset versions made of a stream; none where every record was rejected';

create table stream_delivery (
    org_id uuid not null,
    stream_id uuid not null,
    delivery_id text not null,
    digest bytea not null,
    records_stored integer not null,
    records_rejected integer not null,
    created_at timestamptz not null default now(),
    primary key (org_id, stream_id, delivery_id),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
comment on table stream_delivery is 'Deliveries that were taken, so that none is taken twice';

create table stream_rejection (
    org_id uuid not null,
    id uuid not null,
    stream_id uuid not null,
    position text not null,
    field text not null,
    code text not null,
    reason text not null,
    record text not null,
    received_at timestamptz not null default now(),
    primary key (org_id, id),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
create index stream_rejection_received_at on stream_rejection (org_id, stream_id, received_at desc, id desc);
comment on table stream_rejection is 'Records that were not stored, and why';

create table stream_minute (
    org_id uuid not null,
    stream_id uuid not null,
    minute timestamptz not null,
    records_received bigint not null,
    records_rejected bigint not null,
    primary key (org_id, stream_id, minute),
    foreign key (org_id, stream_id) references data_stream (org_id, id)
);
comment on table stream_minute is 'What streams took by minute';
"""

# The part that runs streams serves all organisations, and needs their ids and nothing else.
_FUNCTIONS = """
create function raia_ingest.running_streams(wanted text) returns table (org_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $body$
    select s.org_id, s.id from raia_ingest.data_stream s
    where s.status = 'running' and s.deleted_at is null and s.source_type = wanted
$body$;
create function raia_ingest.streams_to_land() returns table (org_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $body$
    select s.org_id, s.id from raia_ingest.data_stream s
    where s.land_at <= now() and s.landing_job_id is null order by s.land_at limit 100
$body$;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    for name in (
        "data_stream",
        "stream_partition",
        "stream_batch",
        "stream_landing",
        "stream_delivery",
        "stream_rejection",
        "stream_minute",
    ):
        tenant_table(_SERVICE, name, "select, insert, update")
    op.execute(_FUNCTIONS)
    grant_execute(_SERVICE, "running_streams(text)", to="platform")
    grant_execute(_SERVICE, "streams_to_land()", to="platform")
