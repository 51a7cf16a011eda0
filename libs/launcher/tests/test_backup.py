"""A backup restored elsewhere holds the same rows, objects and keys; a damaged one is refused and leaves nothing."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from raia_kit import migrations
from raia_launcher import cluster
from raia_launcher.backup import backup, restore
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home
from raia_launcher.lock import HomeLock
from raia_launcher.settings import LauncherSettings

pytestmark = pytest.mark.slow


class Folder:
    """Homes in one temporary folder, whose databases are removed with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []

    def settings(self, name: str) -> LauncherSettings:
        return LauncherSettings(home=self.path / name)

    def home(self, name: str) -> Home:
        return Home.open(self.path / name)

    def remove(self) -> None:
        for home in self.path.iterdir():
            if (home / "postgres").is_symlink():
                shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(self.path)


@pytest.fixture
def folder() -> Iterator[Folder]:
    folder = Folder(Path(tempfile.mkdtemp(prefix="raia-homes-")))
    yield folder
    folder.remove()


def put(home: Home, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    path = home.objects / "ingest" / "org" / str(uuid4()) / "sha256" / digest[:2] / digest
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def fill(folder: Folder, name: str) -> Home:
    home, settings = folder.home(name), folder.settings(name)
    with cluster.reachable(home, settings) as url:
        migrations.bootstrap(url, ["sample"], {"sample": home.secret("database_sample")})
        with migrations.owner_connection(url, "sample") as connection:
            migrations.create_kit_tables("sample", connection)
            connection.exec_driver_sql("create table alembic_version as select '0007' as version_num")
            connection.exec_driver_sql("insert into inbox select 'c', gen_random_uuid() from generate_series(1, 1000)")
            connection.commit()
    return home


def rows(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("select * from raia_sample.inbox order by event_id").fetchall()


def test_everything_comes_back(folder: Folder) -> None:
    home = fill(folder, "home")
    stored = put(home, b"bytes")
    with cluster.reachable(home, folder.settings("home")) as url:
        before = rows(url)
    archive = folder.path / "archive"
    backup(folder.settings("home"), archive, folder.said.append)
    assert archive.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.path.iterdir()} == {"home", "archive"}

    restore(folder.settings("other"), archive, folder.said.append)
    other = folder.home("other")
    assert other.instance != home.instance
    for path in home.secrets.iterdir():
        assert (other.secrets / path.name).read_text() == path.read_text()
    assert (other.objects / stored.relative_to(home.objects)).read_bytes() == b"bytes"
    with cluster.reachable(other, folder.settings("other")) as url:
        assert rows(url) == before
        server = url.rpartition("@")[2]
        # The service's role signs in with the restored password, under row security as before.
        with psycopg.connect(f"postgresql://raia_sample:{other.secret('database_sample')}@{server}") as connection:
            assert connection.execute("select count(*) from inbox").fetchone() == (1000,)
            connection.execute("set role raia_sample_platform")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select * from idempotency_key")
    assert not (other.path / "database.dump").exists()
    assert not other.lock_file.exists()


def test_what_is_written_during_the_backup_is_whole_or_absent(folder: Folder) -> None:
    home = fill(folder, "home")
    settings = folder.settings("home")
    # The platform runs: its lock is held, and the backup finds the server by its pid file.
    with HomeLock(home.lock_file), cluster.started(home, settings) as server:
        url = server.url("raia")
        with psycopg.connect(url) as connection:
            connection.execute("insert into raia_sample.inbox values ('uncommitted', gen_random_uuid())")
            command = [sys.executable, "-m", "raia_launcher", "backup", str(folder.path / "archive")]
            environment = {"RAIA_HOME": str(home.path), "PATH": "/usr/bin:/bin"}
            subprocess.run(command, env=environment, check=True, timeout=60)
        assert len(rows(url)) == 1001
    restore(folder.settings("other"), folder.path / "archive", folder.said.append)
    with cluster.reachable(folder.home("other"), folder.settings("other")) as url:
        assert len(rows(url)) == 1000


@pytest.mark.parametrize("damage", ["cut", "object", "no archive"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(folder: Folder, damage: str) -> None:
    home = fill(folder, "home")
    archive = folder.path / "archive"
    if damage == "object":
        put(home, b"right").write_bytes(b"wrong")
    if damage != "no archive":
        backup(folder.settings("home"), archive, folder.said.append)
    if damage == "cut":
        with archive.open("r+b") as file:
            file.truncate(archive.stat().st_size // 2)
    before = set(Path("/var/lib/raia").glob("*"))
    with pytest.raises(LauncherError, match=r"damaged|no file"):
        restore(folder.settings("other"), archive, folder.said.append)
    assert not (folder.path / "other").exists()
    assert set(Path("/var/lib/raia").glob("*")) == before


def test_a_restore_takes_nothing_but_what_a_backup_holds(folder: Folder) -> None:
    fill(folder, "home")
    archive = folder.path / "archive"
    backup(folder.settings("home"), archive, folder.said.append)
    strange = folder.path / "strange"
    strange.write_text("elsewhere")
    with tarfile.open(archive, "a") as tar:
        for name in ("instance", "objects/ingest/org/../../../../outside", "secrets/../raia.lock", "logs/strange"):
            tar.add(strange, name)
    strange.unlink()
    restore(folder.settings("other"), archive, folder.said.append)
    assert not [path for path in folder.path.rglob("*") if path.is_file() and path.read_bytes() == b"elsewhere"]


def test_a_home_that_is_in_use_is_not_overwritten(folder: Folder) -> None:
    folder.home("home")
    with pytest.raises(LauncherError, match="not empty"):
        restore(folder.settings("home"), folder.path / "archive", folder.said.append)
