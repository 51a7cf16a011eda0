"""Roles, schemas and tables: what stands in the database before a service runs, and the helpers of migration scripts.

``bootstrap`` and ``upgrade`` may run again at any time and in several processes at once. A service's scripts lie in
``services/<name>/migrations/versions`` (in a wheel: ``raia_<name>/migrations/versions``); there is no env.py, this
module is it.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources, util
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg import sql
from sqlalchemy import Connection, NullPool, create_engine, text

from raia_kit.schema import (
    create_kit_tables,
    execute,
    grant,
    grant_execute,
    platform_table,
    schema_of,
    tenant_table,
)

__all__ = [
    "GATEWAY",
    "MigrationError",
    "bootstrap",
    "create_kit_tables",
    "create_roles",
    "current_revision",
    "grant",
    "grant_execute",
    "head_revision",
    "migrations_folder",
    "owner_connection",
    "platform_table",
    "schema_of",
    "tenant_table",
    "upgrade",
]

_log = logging.getLogger(__name__)

GATEWAY = "gateway"
"""The process without a schema: its role reads the event log and nothing else."""

_LOCK = 0x52414941  # the advisory lock of bootstraps; upgrades lock the service's name beside it
_ROLE_SETTINGS = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}


class MigrationError(Exception):
    """The database and this version of the code do not fit; the message says how to mend it."""


def bootstrap(admin_url: str, services: Sequence[str], passwords: Mapping[str, str]) -> None:
    """Makes roles, schemas, the vector extension and the event log.

    ``admin_url`` is a superuser's, or that of a role with CREATEROLE which owns a database that has the extension.
    ``passwords`` are by service name (and ``gateway``); a role without one keeps the password it has. Raises
    ``MigrationError`` when the server is too old.
    """
    with psycopg.connect(admin_url, autocommit=True, application_name="raia-migrate") as connection:
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        _check_server(connection)
        _create_roles(connection, services, passwords)
        _create_extension(connection)
        with connection.transaction():
            for service in services:
                _create_schema(connection, schema_of(service), f"{schema_of(service)}_owner")
                _execute(
                    connection,
                    "grant usage on schema {schema} to {runtime}, {platform}",
                    schema=schema_of(service),
                    runtime=schema_of(service),
                    platform=f"{schema_of(service)}_platform",
                )
            _create_log(connection, services)


def create_roles(admin_url: str, services: Sequence[str], passwords: Mapping[str, str]) -> None:
    """The part of ``bootstrap`` that belongs to the server rather than to one database; a restore needs it first."""
    with psycopg.connect(admin_url, autocommit=True, application_name="raia-migrate") as connection:
        _create_roles(connection, services, passwords)


def upgrade(admin_url: str, service: str, *, revision: str = "head", statement_timeout: str = "15min") -> None:
    """Runs the service's migrations up to ``revision`` as the owner of its schema, each in a transaction of its own.

    A migration waits 5 s for a lock and then fails rather than block the service behind it; it may be run again.
    Raises ``MigrationError`` when the database was made by a newer version.
    """
    script = _scripts(service)
    with owner_connection(admin_url, service) as connection:
        connection.execute(text("select pg_advisory_lock(:lock, hashtext(:service))"), _lock_key(service))
        # Timeouts start here: waiting for another process that migrates is no fault.
        connection.execute(
            text("select set_config('lock_timeout', '5s', false), set_config('statement_timeout', :timeout, false)"),
            {"timeout": statement_timeout},
        )
        connection.commit()
        _run(connection, script, service, revision)
        # Diagnostics tell which revision the schema is at; the version table is Alembic's, so no script grants it.
        grant(service, "alembic_version", "select", to="platform", connection=connection)
        connection.commit()


def current_revision(admin_url: str, service: str) -> str | None:
    """The revision that the service's schema is at; None before the first migration."""
    with owner_connection(admin_url, service) as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": schema_of(service)})
        return context.get_current_revision()


def head_revision(service: str) -> str | None:
    """The newest revision that this code knows."""
    return _scripts(service).get_current_head()


def migrations_folder(service: str) -> Path:
    """Where the service's migration scripts lie; raises ``MigrationError`` when it has none."""
    spec = util.find_spec(f"raia_{service}")
    if spec is None or spec.origin is None:
        raise MigrationError(f"the package raia_{service} is not installed")
    package = Path(spec.origin).parent
    for folder in (package / "migrations", package.parent.parent / "migrations"):
        if (folder / "versions").is_dir():
            return folder
    raise MigrationError(f"service {service} has no migrations/versions folder")


def _check_server(connection: psycopg.Connection[Any]) -> None:
    version = connection.info.server_version
    if version < 150000:
        raise MigrationError(f"PostgreSQL {version // 10000} is too old: 15 or later is needed")
    row = connection.execute("select default_version from pg_available_extensions where name = 'vector'").fetchone()
    if row is None or tuple(int(part) for part in row[0].split(".")[:2]) < (0, 8):
        raise MigrationError(f"pgvector 0.8 or later is needed, the server has {row[0] if row else 'none'}")


def _create_extension(connection: psycopg.Connection[Any]) -> None:
    try:
        connection.execute("create extension if not exists vector with schema public")
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError("have a superuser run 'create extension vector' in this database first") from error


def _create_roles(connection: psycopg.Connection[Any], services: Sequence[str], passwords: Mapping[str, str]) -> None:
    def create() -> None:
        with connection.transaction():
            _role_exists(connection, "raia_log_owner", "nologin")
            _login_role(connection, "raia_gateway", passwords.get(GATEWAY), "raia_log")
            for service in services:
                name = schema_of(service)
                _role_exists(connection, f"{name}_owner", "nologin")
                _role_exists(connection, f"{name}_platform", "nologin")
                _login_role(connection, name, passwords.get(service), f"{name}, public")
                _execute(connection, "grant {platform} to {runtime}", platform=f"{name}_platform", runtime=name)

    _retried(create)


def _retried(action: Callable[[], None], attempts: int = 8) -> None:
    """Roles belong to the whole server, and two databases of it may be bootstrapped at once: the loser tries again."""
    for attempt in range(1, attempts + 1):
        try:
            return action()
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_):
            if attempt == attempts:
                raise
            time.sleep(0.05 * attempt)
    return None


def _role_exists(connection: psycopg.Connection[Any], name: str, login: LiteralString) -> None:
    if connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone() is None:
        # NOINHERIT: a runtime role has the rights of its platform role only after it says SET ROLE.
        _execute(connection, f"create role {{name}} {login} noinherit", name=name)
    row = connection.execute("select rolsuper, rolbypassrls from pg_roles where rolname = %s", (name,)).fetchone()
    if row is not None and any(row):
        raise MigrationError(f"role {name} is a superuser or bypasses row security; make it an ordinary role")
    admin = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    if admin is not None and not admin[0]:
        # An administrator who is no superuser makes schemas for, and migrates as, the roles that it is a member of.
        _execute(connection, "grant {name} to current_user", name=name)


def _login_role(connection: psycopg.Connection[Any], name: str, password: str | None, search_path: str) -> None:
    _role_exists(connection, name, "login")
    if password is not None:
        _execute(connection, "alter role {name} password {password}", name=name, password=sql.Literal(password))
    for setting, value in {**_ROLE_SETTINGS, "search_path": search_path}.items():
        # search_path is a list of names, which a quoted string would turn into a single one.
        shown = sql.SQL(value) if setting == "search_path" else sql.Literal(value)
        _execute(connection, "alter role {name} set {setting} to {value}", name=name, setting=setting, value=shown)


def _create_schema(connection: psycopg.Connection[Any], schema: str, owner: str) -> None:
    _execute(connection, "create schema if not exists {schema} authorization {owner}", schema=schema, owner=owner)


def _create_log(connection: psycopg.Connection[Any], services: Sequence[str]) -> None:
    _create_schema(connection, "raia_log", "raia_log_owner")
    readers = ["raia_gateway", *(f"{schema_of(name)}{kind}" for name in services for kind in ("", "_platform"))]
    publishers = [f"{schema_of(name)}_platform" for name in services]
    script = (resources.files("raia_kit") / "log_schema.sql").read_text()
    _execute(connection, "set local role raia_log_owner")
    connection.execute(script)
    reader_list, publisher_list = _names(readers), _names(publishers)
    _execute(connection, "grant usage on schema raia_log to {names}", names=reader_list)
    _execute(connection, "grant select on all tables in schema raia_log to {names}", names=reader_list)
    if publishers:
        _execute(connection, "grant execute on function raia_log.publish to {names}", names=publisher_list)
        _execute(connection, "grant execute on function raia_log.trim to {names}", names=publisher_list)
    _execute(connection, "reset role")


def _names(roles: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(role) for role in roles)


def _execute(connection: psycopg.Connection[Any], statement: LiteralString, **names: str | sql.Composable) -> None:
    """Runs a statement whose ``{placeholders}`` are identifiers, or what they are composed of."""
    values = {key: sql.Identifier(value) if isinstance(value, str) else value for key, value in names.items()}
    connection.execute(sql.SQL(statement).format(**values))


def _lock_key(service: str) -> dict[str, object]:
    return {"lock": _LOCK, "service": service}


@contextmanager
def owner_connection(admin_url: str, service: str) -> Iterator[Connection]:
    """A connection that acts as the owner of the service's schema."""
    url = "postgresql+psycopg://" + admin_url.split("://", 1)[1]
    engine = create_engine(url, poolclass=NullPool, connect_args={"application_name": "raia-migrate"})
    schema = schema_of(service)
    with engine.connect() as connection:
        execute(connection, f'set role "{schema}_owner"', f'set search_path to "{schema}", public')
        connection.commit()
        yield connection
    engine.dispose()


def _scripts(service: str) -> ScriptDirectory:
    folder = migrations_folder(service)
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def _run(connection: Connection, script: ScriptDirectory, service: str, revision: str) -> None:
    def steps(current: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs(revision, current)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=revision)
    try:
        with environment:
            environment.configure(
                connection=connection,
                version_table_schema=schema_of(service),
                transaction_per_migration=True,
            )
            with environment.begin_transaction():
                environment.run_migrations()
    except CommandError as error:
        raise MigrationError(
            f"the database of {service} is at a revision that this version does not know ({error}): "
            "run the newer version, or restore a backup made by this one"
        ) from error
    _log.info("schema %s is at %s", schema_of(service), revision)
