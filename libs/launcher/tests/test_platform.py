"""``raia up`` as a process over a sample service and a sample gateway: start, restart, stop, kill, start again."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

pytestmark = pytest.mark.slow

SERVICE = """
import os, sys
from concurrent import futures
import grpc, psycopg
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
assert sys.argv[1:] == ["serve"]
with psycopg.connect(os.environ["RAIA_DATABASE_URL"]) as connection:
    connection.execute("insert into visit default values")
server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
servicer = health.HealthServicer()
servicer.set("", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port("127.0.0.1:" + os.environ["RAIA_GRPC_PORT"])
server.start()
server.wait_for_termination()
"""
GATEWAY = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/v1/health" else 404)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["RAIA_HTTP_PORT"])), Health).serve_forever()
"""
MIGRATION = """
from alembic import op
from raia_kit.migrations import create_kit_tables, grant
revision, down_revision = "0001", None
def upgrade():
    create_kit_tables("toy")
    op.execute("create table visit (at timestamptz default now())")
    grant("toy", "visit", "insert, select")
"""


def write(path: Path, content: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(content))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder before the installed packages: a service named toy, a gateway, and none of the real services."""
    site = tmp_path_factory.mktemp("site")
    for distribution in distributions():
        if any(point.group == "raia.services" for point in distribution.entry_points):
            name = distribution.name.replace("-", "_")
            write(site / f"{name}-0.dist-info" / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    write(site / "raia_toy-1.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: raia-toy\nVersion: 1\n")
    write(site / "raia_toy-1.dist-info" / "entry_points.txt", "[raia.services]\ntoy = raia_toy\n")
    write(site / "raia_toy" / "__init__.py")
    write(site / "raia_toy" / "__main__.py", SERVICE)
    write(site / "raia_toy" / "migrations" / "versions" / "0001_first.py", MIGRATION)
    write(site / "raia_gateway" / "__init__.py")
    write(site / "raia_gateway" / "__main__.py", GATEWAY)
    return site


class Platform:
    """One ``raia up`` and what it has started."""

    def __init__(self, site: Path, home: Path, *options: str, **settings: str) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(site),
            "RAIA_HOME": str(home),
            "RAIA_HTTP_PORT": str(self.port),
            "RAIA_JOURNEY": "0",
            **settings,
        }
        self.out = home.with_name(f"out-{uuid4().hex}")
        with self.out.open("ab") as output:
            command = [sys.executable, "-m", "raia_launcher", "up", *options]
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)

    def up(self) -> "Platform":
        self.until(lambda: "RAIA is up" in self.said(), 100)
        return self

    def said(self) -> str:
        return self.out.read_text()

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def child(self, *marks: str) -> psutil.Process | None:
        for process in psutil.Process(self.process.pid).children():
            try:
                if all(mark in process.cmdline() or process.name() == mark for mark in marks):
                    return process
            except psutil.NoSuchProcess:
                continue
        return None

    def answers(self) -> bool:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", "/api/v1/health")
                return connection.getresponse().status == 200
        except OSError:
            return False

    def raia(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "raia_launcher", *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def visits(self) -> int:
        port = (self.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3]
        password = (self.home / "secrets" / "database_toy").read_text()
        with psycopg.connect(f"postgresql://raia_toy:{password}@127.0.0.1:{port}/raia") as connection:
            row = connection.execute("select count(*) from visit").fetchone()
        return int(row[0]) if row else -1


def gone(processes: list[psutil.Process]) -> list[str]:
    _, alive = psutil.wait_procs(processes, timeout=40)
    return [str(process) for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def start(site: Path) -> Iterator[Callable[..., Platform]]:
    folder = Path(tempfile.mkdtemp(prefix="raia-up-"))
    started: list[Platform] = []

    def up(*options: str, **settings: str) -> Platform:
        started.append(Platform(site, folder / "home", *options, **settings))
        return started[-1]

    yield up
    for platform in started:
        if platform.process.poll() is None:
            platform.process.kill()
        platform.process.wait()
    time.sleep(0.5)
    place = folder / "home" / "postgres"
    if place.is_symlink():
        shutil.rmtree(place.resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def test_it_comes_up_stops_without_a_trace_and_comes_up_again(start: Callable[..., Platform]) -> None:
    first = start().up()
    assert list(json.loads((first.home / "services.json").read_text())) == ["toy"]
    password = (first.home / "secrets" / "admin_password").read_text()
    assert f"sign in as admin@raia.local with password {password}" in first.said()
    assert first.visits() == 1
    family = first.family()
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(40) == 0
    assert gone(family) == []
    assert not list(first.home.glob("*.lock"))
    assert not (first.home / "services.json").exists()
    second = start().up()
    assert second.visits() == 2
    assert password not in second.said()
    family = second.family()
    assert "stopped after" in second.raia("down")
    assert second.process.wait(5) == 0
    assert gone(family) == []
    assert "no platform" in second.raia("stop")


def test_whatever_dies_comes_back(start: Callable[..., Platform]) -> None:
    platform = start().up()
    for marks in (("raia_toy",), ("raia_gateway",), ("postgres",)):
        process = platform.child(*marks)
        assert process is not None, marks
        begun = time.monotonic()
        process.kill()
        gone([process])
        platform.until(lambda wanted=marks: platform.child(*wanted) is not None, 5)  # type: ignore[misc]
        assert time.monotonic() - begun < 5
    platform.until(platform.answers, 10)

    def recovered() -> bool:
        try:
            return platform.visits() == 2
        except (OSError, psycopg.OperationalError):
            return False

    platform.until(recovered, 10)


def test_a_killed_supervisor_leaves_nothing_but_a_stale_lock(start: Callable[..., Platform]) -> None:
    first = start().up()
    family = first.family()
    first.process.kill()
    first.process.wait()
    assert gone(family) == []
    assert (first.home / "raia.lock").exists()
    second = start().up()
    assert second.visits() == 2


def test_a_second_platform_on_the_same_home_or_port_says_why_it_cannot(start: Callable[..., Platform]) -> None:
    running = start().up()
    other = start()
    assert other.process.wait(30) == 1
    assert f"RAIA runs there as process {running.process.pid}" in other.said()
    environment = {**running.environment, "RAIA_HOME": str(running.home.with_name("elsewhere"))}
    command = [sys.executable, "-m", "raia_launcher", "up"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{running.port} cannot be used (Address already in use): set RAIA_HTTP_PORT" in done.stderr


def test_a_stop_during_the_start_ends_everything(start: Callable[..., Platform]) -> None:
    platform = start()
    platform.until(lambda: platform.out.exists() and "PostgreSQL" in platform.said(), 60)
    family = platform.family()
    platform.process.send_signal(signal.SIGTERM)
    assert platform.process.wait(40) == 0
    assert "RAIA is up" not in platform.said()
    assert gone(family) == []


def test_a_wrong_setting_is_told_in_one_line(start: Callable[..., Platform]) -> None:
    platform = start(RAIA_HTTP_PORT="many")
    assert platform.process.wait(30) == 1
    assert platform.said().startswith("raia: RAIA_HTTP_PORT: ")
    assert "Traceback" not in platform.said()


def test_it_ends_with_the_process_that_started_it_if_asked(site: Path, start: Callable[..., Platform]) -> None:
    platform = start().up()
    platform.process.send_signal(signal.SIGINT)
    platform.process.wait(40)
    platform.out.unlink()
    command = f"{sys.executable} -m raia_launcher up --with-parent > {platform.out} 2>&1; true"
    shell = subprocess.Popen(["sh", "-c", command], env=platform.environment)
    end = time.monotonic() + 100
    while not platform.out.exists() or "RAIA is up" not in platform.said():
        assert time.monotonic() < end, platform.said()
        time.sleep(0.1)
    family = psutil.Process(shell.pid).children(recursive=True)
    shell.kill()
    shell.wait()
    assert gone(family) == []
