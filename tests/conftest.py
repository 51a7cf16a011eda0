"""A whole platform, started by the command that users start it with."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from raia_kit.channels import ServiceChannels
from raia_kit.identity import ServiceIdentity
from raia_kit.settings import ServiceSettings

ADMIN_EMAIL = "admin@example.com"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Platform:
    """A running platform and its first administrator."""

    home: Path
    url: str
    password: str
    process: subprocess.Popen[bytes]
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def sign_in(self, email: str, password: str) -> str:
        with self.client() as client:
            answer = client.post("/api/v1/auth/login", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            return str(answer.json()["access_token"])

    def admin_token(self) -> str:
        """A token of the first administrator, renewed before it ends."""
        kept = self.tokens.get("admin")
        if kept is None or time.monotonic() > float(self.tokens["admin_until"]):
            self.tokens["admin"] = kept = self.sign_in(ADMIN_EMAIL, self.password)
            self.tokens["admin_until"] = str(time.monotonic() + 480)
        return kept

    def register(self, email: str | None = None) -> str:
        """Registers a user with an organisation of their own and answers a token."""
        email = email or f"user-{secrets.token_hex(6)}@example.com"
        password = "correct horse " + secrets.token_hex(8)
        with self.client() as client:
            answer = client.post("/api/v1/auth/register", json={"email": email, "password": password})
            assert answer.status_code == 201, answer.text
        return self.sign_in(email, password)

    def exchange(self, service: str, permissions: list[str]) -> str:
        """A token by which a service acts for the administrator, limited to ``permissions``."""
        with self.client(self.admin_token()) as client:
            me = client.get("/api/v1/auth/me").json()
        channels = ServiceChannels(ServiceSettings(services=self.services()))
        identity = ServiceIdentity(service, self.home / "secrets" / f"{service}.jwk", channels)
        user, organisation = UUID(me["user"]["id"]), UUID(me["organisation"]["id"])
        return identity.exchange(user, organisation, "walk", permissions)

    def services(self) -> dict[str, str]:
        """gRPC addresses by service name."""
        addresses: dict[str, str] = json.loads((self.home / "services.json").read_text())
        return addresses

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


HOMES: list[Path] = []
"""Every home folder that a test made; as root, its database lies outside of it."""


def pytest_sessionfinish() -> None:
    """Removes the databases of the homes that tests made, which a user would be told to remove."""
    for home in HOMES:
        place = home / "postgres"
        if place.is_symlink():
            shutil.rmtree(place.resolve(), ignore_errors=True)


def start_platform(home: Path, **settings: str) -> Platform:
    port, password = free_port(), "journey " + secrets.token_hex(12)
    environment = {
        **os.environ,
        "RAIA_HOME": str(home),
        "RAIA_HTTP_PORT": str(port),
        "RAIA_JOURNEY": "0",
        "RAIA_ADMIN_EMAIL": ADMIN_EMAIL,
        "RAIA_ADMIN_PASSWORD": password,
        "RAIA_RATE_LIMIT_SIGN_IN": "10000",
        "RAIA_RATE_LIMIT_DEFAULT": "1000000",
        "RAIA_RATE_LIMIT_HEAVY": "1000000",
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    HOMES.append(home)
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "raia_launcher", "up"], env=environment, stdout=log, stderr=log
        )
    platform = Platform(home, f"http://127.0.0.1:{port}", password, process)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{platform.url}/api/v1/health", timeout=2).status_code == 200:
                return platform
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    log_text = (home / "up.log").read_text()
    process.kill()
    raise AssertionError(f"the platform did not become healthy:\n{log_text[-4000:]}")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = start_platform(tmp_path_factory.mktemp("raia"))
    try:
        yield running
    finally:
        running.stop()
