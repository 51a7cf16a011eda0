"""A service as it is run: from the command line, with every part, until SIGTERM."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import psycopg
import pytest
from joserfc.jwk import OKPKey
from raia.platform.v1 import diagnostics_pb2, diagnostics_service_pb2, diagnostics_service_pb2_grpc
from raia_kit.contract import ContractError, all_methods
from raia_kit.database import UnitOfWork
from raia_kit.errors import InvalidArgument
from raia_kit.resources import Located
from raia_kit.server import contracts_of
from raia_kit.service import Runtime, Service, Servicer, process_of
from raia_kit.settings import ServiceSettings
from raia_launcher.postgres import free_port
from sqlalchemy import text

from .sample_process import SampleSettings, build
from .tokens import make_key, public, sign

if TYPE_CHECKING:
    from raia_testing.postgres import ServiceDatabase

SCRIPT = Path(__file__).parent / "sample_process.py"


class Running:
    """The process, and what is needed to reach it."""

    def __init__(self, database: "ServiceDatabase", folder: Path) -> None:
        self.key: OKPKey = make_key()
        jwks = folder / "jwks.json"
        jwks.write_text(json.dumps([public(self.key)]))
        self.grpc_port, self.metrics_port = free_port(), free_port()
        self.log = folder / "log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAIA_")},
            "RAIA_GRPC_PORT": str(self.grpc_port),
            "RAIA_METRICS_PORT": str(self.metrics_port),
            "RAIA_DATABASE_URL": database.url,
            "RAIA_OBJECTS_URL": (folder / "objects").as_uri(),
            "RAIA_JWKS_FILE": str(jwks),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            command = [sys.executable, str(SCRIPT), *(arguments or ("serve",))]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        return self.process

    def health(self) -> int:
        command = [sys.executable, str(SCRIPT), "health"]
        return subprocess.run(command, env=self.environment, check=False, timeout=60).returncode

    def diagnostics(self, service: str = "gateway") -> diagnostics_pb2.Diagnostics:
        token = sign(self.key, sub=f"service:{service}", act={"sub": service}, org=None, sid=None, scope="")
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            stub = diagnostics_service_pb2_grpc.DiagnosticsServiceStub(channel)
            request = diagnostics_service_pb2.GetDiagnosticsRequest()
            metadata = [("authorization", f"Bearer {token}")]
            return stub.GetDiagnostics(request, metadata=metadata, timeout=3, wait_for_ready=True)

    def lines(self) -> list[dict[str, Any]]:
        # gRPC's core writes its own errors beside ours.
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for(self, message: str, seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            for line in self.lines():
                if line["message"] == message:
                    return line
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def running(sample_database: "ServiceDatabase", tmp_path: Path) -> Iterator[Running]:
    running = Running(sample_database, tmp_path)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_service_runs_all_its_parts_and_ends_cleanly(running: Running, sample_database: "ServiceDatabase") -> None:
    process = running.start()
    serving = running.wait_for("serving")
    assert serving["parts"] == ["access", "consumer sample.audit", "jobs", "relay"]
    assert serving["service"] == "sample"
    assert running.health() == 0

    org_id = uuid4()
    with sample_database.database.unit_of_work(org_id) as unit:
        unit.audit("thing.make", resource_id="1")
    end = time.monotonic() + 10
    while consumed(sample_database) == 0:
        assert time.monotonic() < end
        time.sleep(0.05)

    found = running.diagnostics()
    assert (found.service, found.status) == ("sample", "serving")
    assert {check.name: check.status for check in found.checks} == dict.fromkeys(
        ("database", "events", "access", "relay", "consumers", "jobs"), "ok"
    )
    assert found.process.resident_bytes > 20_000_000
    assert found.process.threads > 5
    assert found.process.open_files > 5
    assert found.database.schema_bytes > 0
    assert found.database.pool_size == 3
    assert found.database.outbox_rows == 0
    assert time.time() - found.started_at.ToSeconds() < 120
    again = running.diagnostics()
    assert again.application.calls > found.application.calls
    assert again.application.latency_p95_ms > 0

    with urllib.request.urlopen(f"http://127.0.0.1:{running.metrics_port}/metrics") as answer:
        exposed = answer.read().decode()
    for name in ("raia_rpc_seconds_bucket", "raia_events_published_total", "raia_part_healthy", "process_cpu_seconds"):
        assert name in exposed

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert running.lines()[-1]["message"] == "stopped"
    assert running.health() == 1


def consumed(database: "ServiceDatabase") -> int:
    with database.database.platform_unit_of_work() as unit:
        return int(unit.session.execute(text("select count(*) from inbox")).scalar_one())


def test_only_the_services_named_may_ask_for_diagnostics(running: Running) -> None:
    running.start()
    running.wait_for("serving")
    with pytest.raises(grpc.RpcError) as failure:
        running.diagnostics("llm")
    assert failure.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_signals_count_also_when_they_were_inherited_as_ignored(running: Running) -> None:
    ignoring = "import signal, sys, runpy; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    code = f"{ignoring} sys.argv = ['x', 'serve']; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    with running.log.open("ab") as log:
        command = [sys.executable, "-c", code]
        running.process = subprocess.Popen(command, env=running.environment, stdout=log, stderr=log)
    running.wait_for("serving")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(30) == 0


def test_parts_are_chosen(running: Running) -> None:
    process = running.start("serve", "--parts", "relay,jobs")
    assert running.wait_for("serving")["parts"] == ["access", "jobs", "relay"]
    assert running.health() == 1
    process.terminate()
    assert process.wait(30) == 0
    process = running.start("serve", "--parts", "nonsense")
    assert process.wait(30) == 2


def test_a_service_that_cannot_start_says_why_and_ends(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running.environment["RAIA_GRPC_PORT"] = str(taken.getsockname()[1])
        assert running.start().wait(60) == 1
    last = [line for line in running.lines() if line["message"] == "the service cannot run"][-1]
    assert "cannot listen" in last["error"]["stack"]


def test_a_dead_database_degrades_the_diagnostics_within_a_second(running: Running) -> None:
    running.start()
    running.wait_for("serving")
    running.diagnostics()
    # Whoever looks hangs, as if the host were gone.
    with psycopg.connect(running.environment["RAIA_DATABASE_URL"]) as blocker:
        blocker.execute("set role raia_sample_platform")
        blocker.execute("lock table outbox in access exclusive mode")
        started = time.monotonic()
        found = running.diagnostics()
        assert time.monotonic() - started < 1.5
        failed = {check.name: check.message for check in found.checks if check.status == "failed"}
        assert "database" in failed
        assert found.status == "unavailable"
        blocker.rollback()
    end = time.monotonic() + 20
    while running.diagnostics().status != "serving":
        assert time.monotonic() < end
        time.sleep(0.2)


def sample_settings(database: "ServiceDatabase", folder: Path, **values: Any) -> SampleSettings:
    (folder / "jwks.json").write_text("[]")
    return SampleSettings(database_url=database.url, jwks_file=folder / "jwks.json", **values)


def test_a_process_can_be_started_and_stopped_in_place(sample_database: "ServiceDatabase", tmp_path: Path) -> None:
    process = process_of(build(sample_settings(sample_database, tmp_path)))
    process.start()
    try:
        end = time.monotonic() + 20
        while not process.serving:
            process.watch()
            assert time.monotonic() < end
            time.sleep(0.05)
        assert process.server is not None
        assert process.server.port > 0
    finally:
        assert process.stop()


class Guard:
    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        raise InvalidArgument("never asked", reason="NEVER")


@pytest.mark.fast
def test_a_resource_that_nobody_is_known_to_check_is_refused() -> None:
    settings = ServiceSettings()
    named = [method for method in all_methods() if method.resource_type == "dataset"]
    facts: Any = {"settings": settings, "runtime": None, "servicers": []}
    with pytest.raises(ContractError, match="resource guard"):
        Service(**facts).check(named)
    Service(**facts, resource_guards={"dataset": Guard()}).check(named)
    Service(**facts, foreign_resources=frozenset({"dataset"})).check(named)


@pytest.mark.fast
def test_an_rpc_without_an_implementation_is_refused() -> None:
    descriptor = diagnostics_service_pb2.DESCRIPTOR.services_by_name["DiagnosticsService"]
    unfinished = diagnostics_service_pb2_grpc.DiagnosticsServiceServicer()
    with pytest.raises(ContractError, match="does not implement"):
        contracts_of([Servicer(descriptor, unfinished)])
    with pytest.raises(ContractError, match="does not implement"):
        contracts_of([Servicer(descriptor, object())])


@pytest.mark.fast
def test_serving_imports_only_what_it_serves_with() -> None:
    lazily = ["redis", "kafka", "procrastinate", "alembic", "sentry_sdk", "obstore", "opentelemetry.sdk"]
    lazily += ["pandas", "numpy", "polars", "sklearn"]
    code = f"import sys, raia_kit.service; print(*sorted(set({lazily!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []


def test_runtime_makes_pieces_when_they_are_asked_for(sample_database: "ServiceDatabase", tmp_path: Path) -> None:
    runtime = Runtime(sample_settings(sample_database, tmp_path, objects_url=(tmp_path / "objects").as_uri()))
    try:
        assert not runtime.made("objects")
        assert runtime.objects is runtime.objects
        assert runtime.made("objects")
        assert runtime.compute.max_children == 1
        with pytest.raises(ValueError, match="RAIA_SERVICE_KEY_FILE"):
            _ = runtime.identity
    finally:
        runtime.close()
