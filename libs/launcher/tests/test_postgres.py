"""The bundled PostgreSQL as a child: who it runs as, whom it lets in, how it ends."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from raia_launcher.errors import LauncherError
from raia_launcher.postgres import EmbeddedPostgres, client_environment

RUN = """
import sys, pathlib, signal
from raia_launcher.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), password="pw")
server.prepare()
process = server.start()
server.wait_ready()
print(process.pid, server.port, flush=True)
signal.pause()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    # Not pytest's own folder: under root its parents are closed to the user that the database runs as.
    folder = Path(tempfile.mkdtemp(prefix="raia-pg-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(place: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(place, password="p w/%&@:")
    server.prepare()
    server.start()
    server.wait_ready()
    yield server
    server.stop()


def test_it_listens_on_loopback_alone_and_wants_the_password(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(server.process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    assert not [each for each in psutil.Process(server.process.pid).net_connections("unix") if each.laddr]
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url(password=password))
    with psycopg.connect(server.url()) as connection:
        shown = {
            name: connection.execute(f"show {name}").fetchone()[0]  # type: ignore[index]
            for name in ("fsync", "max_connections", "shared_buffers", "data_checksums", "server_encoding")
        }
    assert shown == {
        "fsync": "on",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "data_checksums": "on",
        "server_encoding": "UTF8",
    }


def test_it_is_a_direct_child_with_dropped_privileges(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    assert process.ppid() == os.getpid()
    assert process.uids().real != 0
    assert stat.S_IMODE(server.place.stat().st_mode) == 0o700


def test_it_runs_again_on_its_data(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept (id int)")
    server.stop()
    again = EmbeddedPostgres(server.place, password=server.password, version=16)
    assert again.version == 18
    again.prepare()
    again.start()
    again.wait_ready()
    with psycopg.connect(again.url()) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
    again.stop()


def test_it_stops_fast_with_clients_connected(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    process = server.process
    with psycopg.connect(server.url()) as connection:
        server.stop(timeout=5)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert process.returncode == 0


def test_it_dies_with_its_parent_and_the_next_one_starts_clean(place: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", RUN, str(place)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, port = (int(part) for part in parent.stdout.readline().split())
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    with psycopg.connect(f"postgresql://raia_admin:pw@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute("create table kept as select 1 as id")
        parent.kill()
        parent.communicate()
        # At once, while the old server may still be ending: the new one waits for it.
        server = EmbeddedPostgres(place, password="pw")
        server.prepare()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    server.start()
    server.wait_ready()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("select id from kept").fetchone() == (1,)
    server.stop()


def test_a_pid_file_that_names_another_process_is_forgotten(server: EmbeddedPostgres) -> None:
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    sleeper = subprocess.Popen(["sleep", "100"])
    try:
        (server.data / "postmaster.pid").write_text("\n".join([str(sleeper.pid), *lines[1:]]))
        server.prepare()
        server.start()
        server.wait_ready()
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_preparation_that_died_half_way_is_done_again(place: Path) -> None:
    for leftover in ("data.new", "programs.new"):
        (place / leftover / "base").mkdir(parents=True)
    (place / "password").write_text("old")
    server = EmbeddedPostgres(place, password="pw")
    server.prepare()
    server.start()
    server.wait_ready()
    server.stop()
    assert not (place / "data.new").exists()
    assert not (place / "password").exists()


def test_a_server_that_cannot_start_says_so(place: Path) -> None:
    server = EmbeddedPostgres(place, password="pw", settings={"max_connections": "nonsense"})
    server.prepare()
    server.start()
    with pytest.raises(LauncherError, match="ended with code"):
        server.wait_ready()
    with pytest.raises(LauncherError, match="not bundled"):
        EmbeddedPostgres(place / "other", password="pw", version=9)


def test_a_killed_server_comes_back_on_its_port(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    port = server.port
    server.prepare()
    server.start()
    server.wait_ready()
    assert server.port == port
    with socket.create_connection(("127.0.0.1", port)):
        pass


def test_programs_are_told_the_password_by_environment() -> None:
    found = client_environment("postgresql://me:p%20w@host:5/db?sslmode=require")
    assert {name: value for name, value in found.items() if name.startswith("PG")} == {
        "PGHOST": "host",
        "PGPORT": "5",
        "PGUSER": "me",
        "PGPASSWORD": "p w",
        "PGDATABASE": "db",
        "PGSSLMODE": "require",
    }
