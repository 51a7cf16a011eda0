-- The event log of the embedded shape. Run as raia_log_owner; every statement may run again.

create table if not exists raia_log.topic (
    name text primary key,
    head bigint not null default 0
);
comment on table raia_log.topic is 'Topics and the position of the last event of each';

create table if not exists raia_log.event (
    topic text not null,
    position bigint not null,
    id uuid not null,
    key text not null,
    type text not null,
    headers jsonb not null,
    payload bytea not null,
    published_at timestamptz not null default clock_timestamp(),
    primary key (topic, position)
);
comment on table raia_log.event is 'Published events, in an order without gaps within a topic';

create index if not exists event_published_at on raia_log.event using brin (published_at) with (autosummarize = on);

-- Appends a batch and returns its positions in the order given. The topics' rows stay locked until the caller commits,
-- so that positions become visible in order and without gaps. A service publishes on its own topics and on custom ones.
create or replace function raia_log.publish(
    topics text[], ids uuid[], keys text[], types text[], headers jsonb[], payloads bytea[]
) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, raia_log, pg_temp as $body$
declare
    publisher text := substring(session_user from '^raia_(.+)$');
    foreign_topic text;
    positions bigint[];
begin
    select given.topic into foreign_topic
        from unnest(publish.topics) as given (topic)
        where starts_with(given.topic, 'raia.')
            and not starts_with(given.topic, 'raia.' || publisher || '.')
            and not pg_has_role(session_user, 'raia_log_owner', 'member')
        limit 1;
    if foreign_topic is not null then
        raise insufficient_privilege using message = format('%s may not publish on %s', session_user, foreign_topic);
    end if;

    insert into raia_log.topic (name)
        select distinct given.topic from unnest(publish.topics) as given (topic) order by given.topic
        on conflict do nothing;
    -- Two publishers that share topics lock them in the same order.
    perform from raia_log.topic where name = any (publish.topics) order by name for update;

    with counted as (
        select given.topic, count(*) as events from unnest(publish.topics) as given (topic) group by given.topic
    ), taken as (
        update raia_log.topic set head = head + counted.events from counted where topic.name = counted.topic
        returning topic.name, topic.head - counted.events as before
    ), placed as (
        select given.*, taken.before + row_number() over (partition by given.topic order by given.place) as position
        from unnest(publish.topics, publish.ids, publish.keys, publish.types, publish.headers, publish.payloads)
            with ordinality as given (topic, id, key, type, headers, payload, place)
        join taken on taken.name = given.topic
    ), written as (
        insert into raia_log.event (topic, position, id, key, type, headers, payload)
        select topic, position, id, key, type, placed.headers, payload from placed
    )
    select coalesce(array_agg(placed.position order by placed.place), '{}') into positions from placed;
    return positions;
end
$body$;

-- Deletes up to batch events published before the moment given, oldest first, and returns how many. Heads stay.
create or replace function raia_log.trim(before timestamptz, batch integer default 10000) returns bigint
language plpgsql security definer set search_path = pg_catalog, raia_log, pg_temp as $body$
declare
    deleted bigint;
begin
    delete from raia_log.event
        where (topic, position) in (
            select topic, position from raia_log.event
            where published_at < before order by published_at, topic, position limit batch
            for update skip locked
        );
    get diagnostics deleted = row_count;
    return deleted;
end
$body$;

revoke all on function raia_log.publish from public;
revoke all on function raia_log.trim from public;
