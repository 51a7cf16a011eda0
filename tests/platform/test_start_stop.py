"""The platform starts, stops without a trace, and finds everything again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ADMIN_EMAIL, Platform, free_port, start_platform

pytestmark = pytest.mark.slow


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def assert_gone(processes: list[psutil.Process], home: Path) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert [f"{p.pid} {p.name()}" for p in alive] == []
    assert not list(home.glob("*.lock"))


def upload(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        answer = client.post("/api/v1/datasets/upload", files={"file": ("kept.csv", b"a,b\n1,2\n3,4\n")})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.mark.parametrize("ignored", [False, True], ids=["plain", "inherited-as-ignored"])
def test_interrupt_leaves_nothing_and_state_survives(tmp_path: Path, ignored: bool) -> None:
    home = tmp_path / "home"
    before = signal.getsignal(signal.SIGINT)
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        first = start_platform(home)
    finally:
        signal.signal(signal.SIGINT, before)
    dataset = upload(first, first.admin_token())
    processes = family(first.process)
    assert first.stop() == 0
    assert_gone(processes, home)

    began = time.monotonic()
    second = start_platform(home, RAIA_ADMIN_PASSWORD=first.password)
    took = time.monotonic() - began
    try:
        token = second.sign_in(ADMIN_EMAIL, first.password)
        with second.client(token) as client:
            assert client.get(f"/api/v1/datasets/{dataset}").json()["name"] == "kept"
            assert client.get("/api/v1/audit/verify").json()["intact"]
    finally:
        processes = family(second.process)
        second.stop()
    assert_gone(processes, home)
    print(f"healthy again after {took:.1f} s")


def test_a_killed_supervisor_takes_everything_with_it(tmp_path: Path) -> None:
    platform = start_platform(tmp_path / "home")
    processes = family(platform.process)
    os.kill(platform.process.pid, signal.SIGKILL)
    platform.process.wait(10)
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert [f"{p.pid} {p.name()}" for p in alive] == []
    again = start_platform(tmp_path / "home", RAIA_ADMIN_PASSWORD=platform.password)
    again.stop()


def test_an_interrupt_of_make_alone_stops_everything(tmp_path: Path) -> None:
    """Make passes no interrupt on and waits for its command, so the command must notice."""
    makefile, home = tmp_path / "Makefile", tmp_path / "home"
    makefile.write_text(f"run:\n\t@exec {sys.executable} -m raia_launcher up --with-parent\n")
    environment = {**os.environ, "RAIA_HOME": str(home), "RAIA_HTTP_PORT": str(free_port()), "RAIA_JOURNEY": "0"}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored signals would stay ignored in make
    make = subprocess.Popen(["make", "-f", makefile, "run"], env=environment, stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert make.stdout is not None
    assert any("is up after" in line for line in make.stdout)
    processes = [psutil.Process(make.pid), *psutil.Process(make.pid).children(recursive=True)]
    os.kill(make.pid, signal.SIGINT)
    assert_gone(processes, home)
    make.stdout.close()
    make.wait()


def test_a_backup_restored_elsewhere_gives_the_same_answers(tmp_path: Path) -> None:
    platform = start_platform(tmp_path / "home")
    token = platform.admin_token()
    dataset = upload(platform, token)
    path = f"/api/v1/datasets/{dataset}/preview"
    with platform.client(token) as client:
        expected = client.get(path).json()
    archive = tmp_path / "backup.tar"
    environment = {**os.environ, "RAIA_HOME": str(platform.home)}
    subprocess.run([sys.executable, "-m", "raia_launcher", "backup", str(archive)], env=environment, check=True)
    platform.stop()

    restored = tmp_path / "restored"
    environment = {**os.environ, "RAIA_HOME": str(restored)}
    subprocess.run([sys.executable, "-m", "raia_launcher", "restore", str(archive)], env=environment, check=True)
    again = start_platform(restored, RAIA_ADMIN_PASSWORD=platform.password)
    try:
        with again.client(again.sign_in(ADMIN_EMAIL, platform.password)) as client:
            assert client.get(path).json() == expected
            assert client.get("/api/v1/audit/verify").json()["intact"]
    finally:
        again.stop()
