"""Services die by kill -9 in the middle of the journey: each comes back, and no record is wrong.

One journey sees every service die in turn; ``--soak`` takes a journey for each.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import ADMIN_EMAIL, Platform, start_platform

pytestmark = pytest.mark.slow

SERVICES = sorted({entry.name for entry in entry_points(group="raia.services")} | {"gateway"})


@pytest.fixture(scope="module")
def victim_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = start_platform(tmp_path_factory.mktemp("victim"))
    yield running
    running.stop()


def process_of(platform: Platform, service: str) -> psutil.Process:
    module = re.compile(rf"\braia_{service}\b")
    for child in psutil.Process(platform.process.pid).children(recursive=True):
        try:
            line = " ".join(child.cmdline())
        except psutil.NoSuchProcess:
            continue
        if module.search(line) and "compute_child" not in line:
            return child
    raise AssertionError(f"{service} does not run")


def serves(platform: Platform, service: str) -> bool:
    if service == "gateway":
        with platform.client() as client:
            return client.get("/api/v1/health", timeout=2).status_code == 200
    with grpc.insecure_channel(platform.services()[service]) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def back_after(platform: Platform, service: str, old: int, seconds: float) -> float:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            alive = process_of(platform, service).pid != old
            if alive and serves(platform, service):
                return time.monotonic() - began
        except Exception:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{service} is not back after {seconds} s")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    soak = metafunc.config.getoption("--soak")
    metafunc.parametrize("victims", [[one] for one in SERVICES] if soak else [SERVICES], ids="-".join)


def test_they_come_back_and_the_journey_goes_on(victim_platform: Platform, victims: list[str], tmp_path: Path) -> None:
    platform = victim_platform
    environment = {
        **os.environ,
        "RAIA_HOME": str(platform.home),
        "RAIA_ADMIN_EMAIL": ADMIN_EMAIL,
        "RAIA_ADMIN_PASSWORD": platform.password,
    }
    told = tmp_path / "journey.log"
    with told.open("wb") as log:
        journey = subprocess.Popen(
            [sys.executable, "-m", "raia_launcher", "journey", "--url", platform.url],
            env=environment,
            stdout=log,
            stderr=log,
        )
    while " 1." not in told.read_text() and journey.poll() is None:
        time.sleep(0.05)
    for service in victims:
        old = process_of(platform, service)
        old.send_signal(signal.SIGKILL)
        print(f"{service} was back after {back_after(platform, service, old.pid, 15):.1f} s")
    journey.wait(280)
    output = told.read_text()
    assert "Journey done" in output or "the journey ends here: 503" in output, output

    with platform.client(platform.sign_in(ADMIN_EMAIL, platform.password)) as client:
        assert client.get("/api/v1/audit/verify").json()["intact"]
        datasets = client.get("/api/v1/datasets", params={"page_size": 1000}).json()["datasets"]
        assert {dataset["status"] for dataset in datasets} <= {"ready", "processing"}
        assert {dataset["row_count"] for dataset in datasets if dataset["status"] == "ready"} == {"1000"}
