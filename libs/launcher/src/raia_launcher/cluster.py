"""The database of a home folder: the bundled server, running already or started for a while, or one that is named."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

import psycopg

from raia_launcher import log_files
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home
from raia_launcher.lock import HomeLock, holder
from raia_launcher.postgres import EmbeddedPostgres
from raia_launcher.services import DATABASE, installed, passwords
from raia_launcher.settings import LauncherSettings, inherited_environment


def embedded(home: Home, settings: LauncherSettings) -> EmbeddedPostgres:
    """The home folder's own server, laid out but not started."""
    password = home.secret("database_admin")
    server = EmbeddedPostgres(home.database_place(), password=password, version=settings.postgres_version)
    server.prepare()
    return server


def create_database(server: EmbeddedPostgres) -> None:
    """Makes the platform's database if it is missing."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(f'create database "{DATABASE}" template template0')


@contextlib.contextmanager
def reachable(home: Home, settings: LauncherSettings) -> Iterator[str]:
    """An administrator's URL of the platform's database, whether the platform runs or not.

    When it does not run, its server is started for this block, and the home folder locked.
    """
    if settings.database_admin_url.get_secret_value():
        yield settings.database_admin_url.get_secret_value()
    elif holder(home.lock_file) is not None:
        yield _running_url(home, settings)
    else:
        with HomeLock(home.lock_file), started(home, settings) as server:
            create_database(server)
            yield server.url(DATABASE)


@contextlib.contextmanager
def started(home: Home, settings: LauncherSettings) -> Iterator[EmbeddedPostgres]:
    """The home folder's server, running until the block ends."""
    server = embedded(home, settings)
    try:
        with log_files.open_log(home.logs, "postgres") as log:
            server.start(log.fileno())
        server.wait_ready()
        yield server
    finally:
        server.stop()


def migrate(home: Home, settings: LauncherSettings, admin_url: str) -> str:
    """Brings the database to this version, in a process of its own, since migrations import what services do.

    Returns a line per service on what it is at. Raises ``LauncherError`` with the reason when it cannot.
    """
    services = installed()
    given = {
        "RAIA_MIGRATE_ADMIN_URL": admin_url,
        **{f"RAIA_MIGRATE_PASSWORD_{name}": value for name, value in passwords(settings, home, services).items()},
    }
    done = subprocess.run(
        [sys.executable, "-m", "raia_launcher.migrate", *services],
        env={**inherited_environment(), **given},
        capture_output=True,
        text=True,
        check=False,
    )
    with log_files.open_log(home.logs, "migrate") as log:
        log.write((done.stdout + done.stderr).encode())
    if done.returncode != 0:
        raise LauncherError(f"the database could not be migrated: {_last_line(done.stderr)}")
    return done.stdout


def _running_url(home: Home, settings: LauncherSettings) -> str:
    """Where the running supervisor's server listens, which its own pid file says."""
    place = home.database_place()
    server = EmbeddedPostgres(place, password=home.secret("database_admin"), version=settings.postgres_version)
    try:
        server.port = int((server.data / "postmaster.pid").read_text().splitlines()[3])
    except (FileNotFoundError, IndexError, ValueError) as error:
        raise LauncherError("the platform is starting or stopping: try again in a moment") from error
    return server.url(DATABASE)


def _last_line(output: str) -> str:
    lines: Sequence[str] = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
