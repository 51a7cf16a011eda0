"""A PostgreSQL server for the session, and fresh databases of a service from templates."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from raia_kit import migrations
from raia_kit.database import Database
from raia_launcher.postgres import EmbeddedPostgres

from raia_testing.settings import TestSettings

SAMPLE = "sample"
"""A service without a package: a schema that holds the kit's tables alone."""

_PASSWORD = "raia-test"  # noqa: S105
# A test server is thrown away, so nothing needs to reach the disk.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


@dataclass(frozen=True)
class ServiceDatabase:
    """A database of its own with the schemas of one or more services, and the first service's ``Database``."""

    service: str
    name: str
    admin_url: str
    database: Database
    _server: "PostgresServer" = field(repr=False)

    @property
    def url(self) -> str:
        """URL of the service's runtime role."""
        return self._server.url(self.name, role=f"raia_{self.service}")

    def url_of(self, role: str) -> str:
        """URL of another role that may log in, such as ``raia_gateway`` or a second service's."""
        return self._server.url(self.name, role=role)


class PostgresServer:
    """A running server. Databases made from it are dropped by whoever asked for them."""

    def __init__(self, admin_url: str) -> None:
        """``admin_url`` is that of a superuser, on any database."""
        self._admin_url = admin_url
        self._templates: dict[tuple[str, ...], str] = {}

    def url(self, database: str, *, role: str | None = None) -> str:
        """URL of the administrator, or of a role that the test databases have."""
        scheme, _, rest = self._admin_url.partition("://")
        credentials, _, place = rest.rpartition("@")
        host = place.partition("/")[0]
        login = f"{role}:{_PASSWORD}" if role else credentials
        return f"{scheme}://{login}@{host}/{database}"

    @contextlib.contextmanager
    def empty_database(self) -> Iterator[str]:
        """The administrator's URL of a database with nothing in it."""
        name = f"raia_empty_{uuid4().hex[:12]}"
        self._create(name)
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    @contextlib.contextmanager
    def service_database(self, *services: str, pool_size: int = 3) -> Iterator[ServiceDatabase]:
        """A fresh migrated database with these services' schemas; its ``database`` is that of the first."""
        name = f"raia_test_{uuid4().hex[:12]}"
        self._create(name, template=self._template(services))
        database = Database(self.url(name, role=f"raia_{services[0]}"), service=services[0], pool_size=pool_size)
        try:
            yield ServiceDatabase(services[0], name, self.url(name), database, self)
        finally:
            database.close()
            self._drop(name)

    def close(self) -> None:
        """Drops the templates."""
        for name in self._templates.values():
            self._drop(name)
        self._templates.clear()

    def _template(self, services: tuple[str, ...]) -> str:
        """Migrating takes a hundred times as long as copying, so each combination is migrated once a session."""
        if services not in self._templates:
            name = f"raia_template_{uuid4().hex[:12]}"
            self._create(name)
            migrate(self.url(name), *services)
            self._templates[services] = name
        return self._templates[services]

    def _create(self, name: str, *, template: str = "template0") -> None:
        statement = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(statement)

    def _drop(self, name: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def migrate(admin_url: str, *services: str) -> None:
    """Bootstraps and migrates a database for these services, with the passwords of the tests."""
    passwords = dict.fromkeys([*services, migrations.GATEWAY], _PASSWORD)
    migrations.bootstrap(admin_url, services, passwords)
    for service in services:
        if service == SAMPLE:
            with migrations.owner_connection(admin_url, service) as connection:
                migrations.create_kit_tables(service, connection)
                connection.commit()
        else:
            migrations.upgrade(admin_url, service)


@contextlib.contextmanager
def server() -> Iterator[PostgresServer]:
    """The server that ``RAIA_TEST_POSTGRES_URL`` names, or the bundled one in a temporary folder."""
    settings = TestSettings()
    if settings.postgres_url:
        with contextlib.closing(PostgresServer(settings.postgres_url)) as existing:
            yield existing
        return
    # The system's own temporary folder: pytest's is closed to the user that the database runs as under root.
    place = Path(tempfile.mkdtemp(prefix="raia-pg-"))
    embedded = EmbeddedPostgres(place, password=_PASSWORD, version=settings.postgres_version, settings=_FAST)
    try:
        embedded.prepare()
        with (place / "log").open("wb") as log:
            embedded.start(log)
        embedded.wait_ready()
        yield PostgresServer(embedded.url())
    finally:
        embedded.stop()
        shutil.rmtree(place, ignore_errors=True)
