"""``raia backup`` and ``raia restore``: database, objects and keys in one archive, at one consistent point."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from raia_kit import migrations

from raia_launcher import cluster
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home
from raia_launcher.lock import HomeLock
from raia_launcher.postgres import EmbeddedPostgres, client_environment
from raia_launcher.services import DATABASE, installed, passwords
from raia_launcher.settings import LauncherSettings

_FORMAT = 1
_MANIFEST, _DUMP, _OBJECTS, _SECRETS = "manifest.json", "database.dump", "objects", "secrets"
_OBJECT_PATHS = "*/org/*/sha256/*/*"
"""Every object of every service, as ``raia_kit.objects`` lays them out."""
_KEPT = re.compile(rf"{_OBJECTS}/[a-z][a-z0-9_]*/org/|{_SECRETS}/")

Say = Callable[[str], None]


def backup(settings: LauncherSettings, archive: Path, say: Say) -> None:
    """Writes the archive, while the platform runs or not; raises ``LauncherError`` when it cannot.

    The point in time is a snapshot of the database. It is taken before the objects are copied: an object is never
    changed, and stands before the row that refers to it is committed, so every row of the snapshot finds its object.
    """
    home = Home.open(settings.home)
    if not settings.home_holds_objects:
        raise LauncherError("objects lie outside of RAIA_HOME (RAIA_OBJECTS_URL): back them up where they are")
    archive = archive.absolute()
    draft, dump = archive.with_name(archive.name + ".partial"), archive.with_name(archive.name + ".dump")
    try:
        with cluster.reachable(home, settings) as admin_url:
            with _snapshot(admin_url) as (snapshot, services):
                _dump(home, settings, admin_url, snapshot, dump)
            manifest = {
                "format": _FORMAT,
                "version": version("raia-launcher"),
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "services": services,
                "dump_sha256": _sha256(dump),
            }
            draft.touch(mode=0o600)
            count = _write(draft, manifest, dump, home)
        draft.replace(archive)
    finally:
        draft.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)
    size = archive.stat().st_size
    say(f"{archive}: {size:,} bytes, {count} objects. It holds passwords and private keys: keep it as you keep those")


def restore(settings: LauncherSettings, archive: Path, say: Say) -> None:
    """Makes a home folder from the archive. The folder must be missing or empty; a failure leaves none behind."""
    if settings.home.exists() and any(settings.home.iterdir()):
        raise LauncherError(f"{settings.home} is not empty: restore into a new folder, set RAIA_HOME")
    if not archive.is_file():
        raise LauncherError(f"{archive} is no file")
    place: Path | None = None
    try:
        home = Home.open(settings.home)
        place = home.database_place()
        with HomeLock(home.lock_file):
            manifest = _extract(archive, home)
            with cluster.started(home, settings) as server:
                _load(home, settings, server, manifest)
            (home.path / _DUMP).unlink()
    except BaseException:
        # Only what this run has made: the folder was empty, and the place bears an id made a moment ago.
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(settings.home, ignore_errors=True)
        raise
    say(f"{home.path} holds the platform of {manifest['made_at']}; 'raia up' starts it")


@contextmanager
def _snapshot(admin_url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """An exported snapshot, held for the block, and the revision of each service in it."""
    with psycopg.connect(admin_url, application_name="raia-backup") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("select pg_export_snapshot()").fetchone()
        schemas = connection.execute(
            "select schemaname from pg_tables where tablename = 'alembic_version' and schemaname like 'raia\\_%'"
        ).fetchall()
        revisions = {}
        for (schema,) in schemas:
            table = sql.Identifier(schema, "alembic_version")
            found = connection.execute(sql.SQL("select version_num from {}").format(table)).fetchone()
            revisions[schema.removeprefix("raia_")] = found[0] if found else None
        yield str(row[0] if row else ""), revisions


def _dump(home: Home, settings: LauncherSettings, admin_url: str, snapshot: str, target: Path) -> None:
    programs = EmbeddedPostgres(home.database_place(), password="", version=settings.postgres_version)
    command = [str(programs.binaries / "pg_dump"), "--format=custom", f"--snapshot={snapshot}"]
    target.touch(mode=0o600)
    with target.open("wb") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.PIPE, check=False, env=client_environment(admin_url)
        )
    if done.returncode != 0:
        raise LauncherError(f"pg_dump failed: {done.stderr.decode(errors='replace').strip()}")


def _write(target: Path, manifest: dict[str, Any], dump: Path, home: Home) -> int:
    """Writes the archive and returns how many objects it holds; the manifest comes first."""
    count = 0
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        drafted = home.path / f".{_MANIFEST}"
        drafted.write_text(json.dumps(manifest, indent=2))
        tar.add(drafted, _MANIFEST)
        drafted.unlink()
        tar.add(dump, _DUMP)
        for path in sorted(path for path in home.secrets.iterdir() if path.is_file() and not path.name.startswith(".")):
            tar.add(path, f"{_SECRETS}/{path.name}")
        for path in home.objects.glob(_OBJECT_PATHS):
            # The garbage collector may be at work: what it takes away no row of the snapshot refers to.
            try:
                tar.add(path, f"{_OBJECTS}/{path.relative_to(home.objects)}")
            except FileNotFoundError:
                continue
            count += 1
    return count


def _extract(archive: Path, home: Home) -> dict[str, Any]:
    """Unpacks the archive into the home folder and returns its manifest; every digest is checked."""
    try:
        with tarfile.open(archive) as tar:
            _unpack(tar, home.path)
        manifest: dict[str, Any] = json.loads((home.path / _MANIFEST).read_text())
        if manifest["format"] != _FORMAT:
            raise LauncherError(f"{archive} was made by version {manifest['version']}: restore it with that version")
        damaged = _sha256(home.path / _DUMP) != manifest["dump_sha256"]
    except (tarfile.TarError, KeyError, ValueError, FileNotFoundError) as error:
        raise LauncherError(f"{archive} is no backup of RAIA, or is damaged: {error}") from error
    if damaged:
        raise LauncherError(f"{archive} is damaged: the database's digest differs")
    for path in home.objects.glob(_OBJECT_PATHS):
        if _sha256(path) != path.name:
            raise LauncherError(f"{archive} is damaged: the digest of object {path.name} differs")
    (home.path / _MANIFEST).unlink()
    return manifest


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Takes the plain files that a backup holds and nothing else, whatever the archive says."""
    for member in tar:
        known = member.name in {_MANIFEST, _DUMP} or _KEPT.match(member.name)
        content = tar.extractfile(member) if known and member.isreg() and ".." not in member.name.split("/") else None
        if content is not None:
            target = folder / member.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with content, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)


def _load(home: Home, settings: LauncherSettings, server: EmbeddedPostgres, manifest: dict[str, Any]) -> None:
    services = sorted({*manifest["services"], *installed()})
    # Roles belong to the server and are in no dump; rights and row security name them, so they come first.
    migrations.create_roles(server.url(), services, passwords(settings, home, services))
    cluster.create_database(server)
    dump = home.path / _DUMP
    with dump.open("rb") as content:
        done = subprocess.run(
            [str(server.binaries / "pg_restore"), "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}"],
            stdin=content,
            capture_output=True,
            check=False,
            env=client_environment(server.url(DATABASE)),
        )
    if done.returncode != 0:
        raise LauncherError(f"pg_restore failed: {done.stderr.decode(errors='replace').strip()}")
    # Statistics are not in the dump; without them the first queries would be planned blindly.
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        connection.execute("analyze")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
