"""Health and metrics over real services: well, degraded, silent, dead."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from raia.platform.v1 import diagnostics_pb2, diagnostics_service_pb2_grpc
from raia_gateway.application import Parts
from raia_gateway.diagnostics import Probe
from raia_gateway.operations import Operations
from raia_gateway.upstream import Upstream
from raia_kit.contract import all_methods
from raia_kit.errors import Unavailable

from .conftest import Gateway, start_gateway
from .test_unary import reason

pytestmark = pytest.mark.fast


class Diagnosed:
    """A service that tells how it is, after ``delay`` seconds, to whoever has the gateway's token."""

    def __init__(self, name: str, delay: float = 0.0, check: str = "ok") -> None:
        self.name, self.delay, self.check = name, delay, check
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        diagnostics_service_pb2_grpc.add_DiagnosticsServiceServicer_to_server(self, self.server)  # type: ignore[arg-type]
        self.health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.asked = 0

    def GetDiagnostics(self, request: Any, context: grpc.ServicerContext) -> diagnostics_pb2.Diagnostics:
        self.asked += 1
        assert ("authorization", "Bearer gateway-token") in [
            (key, value) for key, value in context.invocation_metadata()
        ]
        threading.Event().wait(self.delay)
        return diagnostics_pb2.Diagnostics(
            service=self.name,
            version="1.0",
            status="serving",
            checks=[diagnostics_pb2.Check(name="database", status=self.check)],
            process=diagnostics_pb2.ProcessFigures(resident_bytes=7),
            database=diagnostics_pb2.DatabaseFigures(schema_bytes=100, connections_in_use=2),
            application=diagnostics_pb2.ApplicationFigures(calls=5),
        )


@dataclass
class Rig:
    gateway: Gateway
    services: dict[str, Diagnosed]
    token_fails: list[bool] = field(default_factory=lambda: [False])
    live: list[tuple[bool, str]] = field(default_factory=lambda: [(True, "")])

    def get(self, path: str, token: str | None = "user") -> httpx.Response:
        with self.gateway.client(token) as client:
            return client.get(path)


@pytest.fixture
def rig() -> Iterator[Rig]:
    services = {"auth": Diagnosed("auth"), "ingest": Diagnosed("ingest")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{probe.getsockname()[1]}"
    made: dict[str, Any] = {}

    def token() -> str:
        if made["rig"].token_fails[0]:
            raise Unavailable("auth is away", reason="SERVICE_UNAVAILABLE")
        return "gateway-token"

    def configure(parts: Parts) -> None:
        addresses = {name: service.address for name, service in services.items()} | {"ml": dead}
        parts.contracts = [method for method in all_methods() if method.service == "gateway"]
        upstream = Upstream(addresses, [])
        probe = Probe(addresses, upstream, token)
        operations = Operations(probe, parts.admission, {"live": lambda: made["rig"].live[0]}, patience=0.0)
        parts.local = operations.handlers()
        parts.shutdown = [upstream.close, *parts.shutdown]

    gateway = start_gateway(configure)
    made["rig"] = Rig(gateway, services)
    yield made["rig"]
    gateway.stop()
    for service in services.values():
        service.server.stop(0).wait(5)


def test_health_is_public_and_a_dead_service_degrades_it(rig: Rig) -> None:
    answer = rig.get("/api/v1/health", token=None)
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert {one["name"]: one["status"] for one in answer.json()["services"]} == {
        "auth": "serving",
        "ingest": "serving",
        "ml": "unreachable",
    }
    rig.services["auth"].health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    time.sleep(1.1)
    again = {one["name"]: one["status"] for one in rig.get("/api/v1/health", token=None).json()["services"]}
    assert again["auth"] == "not_serving"


def test_until_everything_serves_once_the_platform_is_starting(rig: Rig) -> None:
    rig.live[0] = (False, "not yet")
    starting = rig.get("/api/v1/health", token=None)
    assert (starting.status_code, reason(starting)) == (503, "STARTING")
    assert starting.headers["retry-after"] == "1"
    rig.live[0] = (True, "")
    assert rig.get("/api/v1/health", token=None).status_code == 200
    rig.live[0] = (False, "later")
    degraded = rig.get("/api/v1/health", token=None)
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")


def test_details_need_the_permission(rig: Rig) -> None:
    for path in ("health/detailed", "metrics/system", "metrics/application", "metrics/database"):
        assert rig.get(f"/api/v1/{path}", token=None).status_code == 401
        rig.gateway.permissions.withheld.add("operations.read")
        denied = rig.get(f"/api/v1/{path}")
        assert (denied.status_code, reason(denied)) == (403, "PERMISSION_MISSING")
        rig.gateway.permissions.withheld.clear()
        rig.gateway.permissions.ended.add("user")
        assert reason(rig.get(f"/api/v1/{path}")) == "SESSION_ENDED"
        rig.gateway.permissions.ended.clear()
        rig.gateway.permissions.seconds = 10.0
        assert reason(rig.get(f"/api/v1/{path}")) == "ACCESS_STALE"
        rig.gateway.permissions.seconds = 0.0


def test_every_check_of_every_service_is_shown(rig: Rig) -> None:
    rig.live[0] = (False, "live is not running")
    document = rig.get("/api/v1/health/detailed").json()
    services = {one["name"]: one for one in document["services"]}
    assert document["status"] == "degraded"
    assert list(services) == ["auth", "gateway", "ingest", "ml"]
    assert services["auth"]["checks"][0]["name"] == "database"
    assert services["auth"]["status"] == "serving"
    assert (services["ml"]["status"], services["ml"]["message"]) == ("unreachable", "no answer within 1 s")
    assert services["gateway"]["checks"][0]["message"] == "live is not running"


def test_a_failed_check_degrades_its_service(rig: Rig) -> None:
    rig.services["ingest"].check = "failed"
    services = {one["name"]: one["status"] for one in rig.get("/api/v1/health/detailed").json()["services"]}
    assert services["ingest"] == "degraded"


def test_a_service_that_hangs_costs_a_second_and_no_more(rig: Rig) -> None:
    rig.services["ingest"].delay = 5.0
    began = time.monotonic()
    answer = rig.get("/api/v1/metrics/system")
    assert time.monotonic() - began < 2.0
    assert answer.status_code == 200
    assert answer.json()["unreachable"] == ["ingest", "ml"]
    assert [one["service"] for one in answer.json()["processes"]] == ["auth", "gateway"]


def test_figures_are_gathered(rig: Rig) -> None:
    system = rig.get("/api/v1/metrics/system").json()
    assert system["machine"]["cpu_count"] > 0
    assert int(system["machine"]["memory_bytes"]) > 0
    assert int(system["processes"][1]["figures"]["resident_bytes"]) > 1_000_000
    application = rig.get("/api/v1/metrics/application").json()
    assert application["services"][0]["figures"]["calls"] == "5"
    assert int(application["gateway"]["requests"]) >= 1
    database = rig.get("/api/v1/metrics/database").json()
    assert (database["total_bytes"], database["connections_in_use"]) == ("200", 4)


def test_without_auth_the_others_are_still_looked_at(rig: Rig) -> None:
    rig.token_fails[0] = True
    services = {one["name"]: one["status"] for one in rig.get("/api/v1/health/detailed").json()["services"]}
    assert services == {"auth": "serving", "gateway": "serving", "ingest": "serving", "ml": "unreachable"}


def test_many_who_ask_at_once_cost_one_round(rig: Rig) -> None:
    with futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rig.get("/api/v1/health/detailed").status_code, range(24)))
    assert set(answers) == {200}
    assert rig.services["auth"].asked <= 4
