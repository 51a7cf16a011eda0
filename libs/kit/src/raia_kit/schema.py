"""Tables, row security and rights inside a service's schema: the helpers that migration scripts call.

Each may run again: what exists stays, and rights are set anew. A script leaves ``connection`` out: Alembic's is meant.
"""

import re
from typing import Any, cast

import psycopg
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, MetaData, inspect, text

from raia_kit import tables

_RUNTIME_GRANTS = {
    # insert … returning needs to read the column that it returns
    "outbox": "insert, select (sequence)",
    "inbox": "insert, select",
    "consumer_position": "insert, update, select",
    "audit_entry": "insert, select",
    "idempotency_key": "select, insert, update, delete",
}
_NOTIFY_TRIGGERS = ("procrastinate_jobs_notify_queue_job_inserted_v1", "procrastinate_jobs_notify_queue_job_aborted_v1")


def schema_of(service: str) -> str:
    """The schema and runtime role of a service; raises ``ValueError`` for a name that cannot be one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", service):
        raise ValueError(f"{service!r} is no service name")
    return f"raia_{service}"


def create_kit_tables(service: str, connection: Connection | None = None) -> None:
    """Makes the tables of ``raia_kit.tables`` and the job tables in the service's schema, with their rights.

    A kit table that is neither in ``TENANT_TABLES`` nor in ``PLATFORM_TABLES`` gets no rights at all.
    """
    bind, schema = _bind(connection), schema_of(service)
    bind.execute(text("select pg_advisory_xact_lock(hashtext(:schema))"), {"schema": schema})
    metadata = MetaData(schema=schema)
    for table in tables.kit_metadata.sorted_tables:
        table.to_metadata(metadata, schema=schema)
    metadata.create_all(bind, checkfirst=True)
    for name in tables.TENANT_TABLES:
        tenant_table(service, name, _RUNTIME_GRANTS[name], connection=bind)
    for name in tables.PLATFORM_TABLES:
        platform_table(service, name, connection=bind)
        if name in _RUNTIME_GRANTS:
            grant(service, name, _RUNTIME_GRANTS[name], connection=bind)
    _platform_audit(bind, schema)
    _purge_function(bind, schema)
    _create_job_tables(bind, service)


def tenant_table(
    service: str,
    name: str,
    privileges: str = "select, insert, update, delete",
    *,
    connection: Connection | None = None,
) -> None:
    """Puts a table with a column ``org_id`` under row security and grants ``privileges`` to the runtime role.

    Rows of another organisation are invisible and cannot be written; without ``raia.org_id`` a query fails.
    """
    bind, schema = _bind(connection), schema_of(service)
    condition = "(org_id = (select current_setting('raia.org_id')::uuid))"
    table = f'"{schema}"."{name}"'
    execute(
        bind,
        f"alter table {table} enable row level security",
        f"drop policy if exists tenant on {table}",
        # The owner is exempt on purpose: its search functions filter by themselves, to use indexes.
        f'create policy tenant on {table} to "{schema}" using {condition} with check {condition}',
    )
    grant(service, name, privileges, connection=bind)


def platform_table(
    service: str,
    name: str,
    privileges: str = "select, insert, update, delete",
    *,
    connection: Connection | None = None,
) -> None:
    """Grants ``privileges`` on a table without a tenant to the platform role, and to nobody else."""
    grant(service, name, privileges, to="platform", connection=connection)


def grant(
    service: str, name: str, privileges: str, *, to: str = "runtime", connection: Connection | None = None
) -> None:
    """Grants ``privileges`` on a table, and the use of its sequences, to the ``runtime`` or ``platform`` role."""
    bind, schema = _bind(connection), schema_of(service)
    role = _role(service, to)
    execute(bind, f'grant {privileges} on "{schema}"."{name}" to "{role}"')
    if "insert" in privileges:
        owned = text(
            "select pg_get_serial_sequence(:qualified, a.attname) from pg_attribute a "
            "where a.attrelid = (:qualified)::regclass and a.attnum > 0 and not a.attisdropped"
        )
        for sequence in bind.execute(owned, {"qualified": f'"{schema}"."{name}"'}).scalars():
            if sequence is not None:
                execute(bind, f'grant usage on sequence {sequence} to "{role}"')


def grant_execute(service: str, signature: str, *, to: str = "runtime", connection: Connection | None = None) -> None:
    """Takes a function of the service's schema, such as ``search(text, int)``, from everybody but one role."""
    bind, schema = _bind(connection), schema_of(service)
    function = f'"{schema}".{signature}'
    execute(
        bind,
        f"revoke all on function {function} from public",
        f'grant execute on function {function} to "{_role(service, to)}"',
    )


def _role(service: str, kind: str) -> str:
    roles = {"runtime": schema_of(service), "platform": f"{schema_of(service)}_platform"}
    return roles[kind]


def _bind(connection: Connection | None) -> Connection:
    return connection if connection is not None else op.get_bind()


def execute(bind: Connection, *statements: str) -> None:
    """Runs statements as they stand; a colon is no parameter."""
    for statement in statements:
        bind.execute(text(statement.replace(":", r"\:")))


def _platform_audit(bind: Connection, schema: str) -> None:
    """Sign-ins and denied calls are recorded outside of a tenant's transaction: insert only, for any organisation."""
    execute(
        bind,
        f'grant insert on "{schema}".audit_entry to "{schema}_platform"',
        f'drop policy if exists platform_insert on "{schema}".audit_entry',
        f'create policy platform_insert on "{schema}".audit_entry for insert to "{schema}_platform" with check (true)',
    )


def _purge_function(bind: Connection, schema: str) -> None:
    """Old keys of all tenants are deleted by the garbage collector, whose role cannot see the table."""
    function = f'"{schema}".purge_idempotency_keys(timestamptz, integer)'
    execute(
        bind,
        f"""create or replace function "{schema}".purge_idempotency_keys(before timestamptz, batch integer)
        returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $body$
            with old as (
                select ctid from "{schema}".idempotency_key where created_at < before limit batch for update skip locked
            ), deleted as (
                delete from "{schema}".idempotency_key where ctid in (select ctid from old) returning 1
            )
            select count(*) from deleted
        $body$""",  # noqa: S608 (a schema's name cannot be a parameter)
        f"revoke all on function {function} from public",
        f'grant execute on function {function} to "{schema}_platform"',
    )


def _create_job_tables(bind: Connection, service: str) -> None:
    schema = schema_of(service)
    if bind.execute(text("select to_regclass(:name)"), {"name": f"{schema}.procrastinate_jobs"}).scalar() is None:
        execute(bind, f'set local search_path to "{schema}", public')
        # Through the driver: the script holds many statements and characters that SQLAlchemy would interpret.
        driver = cast(psycopg.Connection[Any], bind.connection.driver_connection)
        driver.execute(SchemaManager.get_schema())
    for trigger in _NOTIFY_TRIGGERS:
        # NOTIFY in a business transaction serialises commits; the process wakes its own dispatcher instead.
        execute(bind, f'drop trigger if exists {trigger} on "{schema}".procrastinate_jobs')
    for name in inspect(bind).get_table_names(schema=schema):
        if name.startswith("procrastinate_"):
            platform_table(service, name, connection=bind)
    grant(service, "procrastinate_jobs", "insert, select (id)", connection=bind)
    grant(service, "procrastinate_events", "insert", connection=bind)
