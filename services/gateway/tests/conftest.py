"""A real gateway on a free port before a real gRPC service."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import httpx
import pytest
import uvicorn
from raia_gateway.admission import Admission, Authenticator
from raia_gateway.application import Application, Limits, Parts
from raia_gateway.headers import CommonHeaders
from raia_gateway.protocol import GatewayHttp
from raia_gateway.upstream import Upstream
from raia_kit.context import Caller
from raia_kit.contract import methods_of
from raia_kit.errors import Unauthenticated
from raia_kit.faults import Faults
from raia_kit.rate_limit import InProcessRateLimiter, Rate

from .protofiles import widgets
from .sample_server import WidgetServicer, start_sample_server

ORG = UUID("0192f0c8-0000-7000-8000-000000000001")
USER = UUID("0192f0c8-0000-7000-8000-000000000002")


class Tokens:
    """Takes ``user``, ``user:<org number>`` and ``short:<seconds>`` for tokens."""

    def __init__(self) -> None:
        self.asked = 0

    def verify(self, token: str) -> Caller:
        self.asked += 1
        kind, _, detail = token.partition(":")
        if kind == "user":
            org = UUID(int=ORG.int + int(detail or 0))
            return Caller(USER, org, "session", token=token, expires_at=time.time() + 600)
        if kind == "short":
            return Caller(USER, ORG, "session", token=token, expires_at=time.time() + float(detail))
        raise Unauthenticated("the token does not hold; sign in again", reason="TOKEN_INVALID")


class Permissions:
    """Grants everything that is not withheld."""

    def __init__(self) -> None:
        self.withheld: set[str] = set()
        self.ended: set[str] = set()
        self.seconds = 0.0

    def holds(self, caller: Caller, permission: str) -> bool:
        return permission not in self.withheld

    def allows(
        self,
        caller: Caller,
        permission: str,
        *,
        project_id: UUID | None = None,
        resource_type: str = "",
        resource_id: str = "",
    ) -> bool:
        return not self.withheld & {permission, str(project_id), resource_id}

    def revoked(self, caller: Caller) -> bool:
        return caller.token in self.ended

    def age(self) -> float:
        return self.seconds


async def no_live(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 1000})


@dataclass
class Gateway:
    """A running gateway and what stands behind it."""

    url: str
    sample: WidgetServicer
    tokens: Tokens
    permissions: Permissions
    application: Application
    server: uvicorn.Server
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    services: list[grpc.Server] = field(default_factory=list)

    def client(self, token: str | None = "user", **options: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, **options)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)
        assert not self.thread.is_alive()
        for service in self.services:
            service.stop(0).wait(5)


Configure = Callable[[Parts], None]


def start_gateway(
    configure: Configure = lambda _parts: None,
    *,
    origins: tuple[str, ...] = ("https://console.example.com",),
    rates: dict[int, Rate] | None = None,
    limits: Limits | None = None,
) -> Gateway:
    """Starts uvicorn in a thread; ``configure`` may change the parts before the application is built."""
    service, address, sample = start_sample_server()
    tokens, permissions = Tokens(), Permissions()
    contracts = list(methods_of([widgets().DESCRIPTOR.services_by_name["WidgetService"]]))
    made: dict[str, Any] = {}
    ready = threading.Event()

    async def main() -> None:
        upstream = Upstream({"sample": address}, contracts)
        parts = Parts(
            contracts=contracts,
            admission=Admission(
                Authenticator(tokens), permissions, InProcessRateLimiter(), rates or {}, access_max_age=5.0
            ),
            upstream=upstream,
            headers=CommonHeaders(origins, strict_transport=False),
            faults=Faults("gateway"),
            live=no_live,
            limits=limits or Limits(upload=8 * 1024**2),
        )
        closers: list[Callable[[], Awaitable[None]]] = [upstream.close]
        parts.shutdown = closers
        configure(parts)
        application = Application(parts)
        config = uvicorn.Config(
            application,
            host="127.0.0.1",
            port=0,
            http=GatewayHttp,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        server = uvicorn.Server(config)
        made.update(server=server, application=application, loop=asyncio.get_running_loop())

        async def tell() -> None:
            while not server.started:
                await asyncio.sleep(0.01)
            made["port"] = server.servers[0].sockets[0].getsockname()[1]
            ready.set()

        telling = asyncio.create_task(tell())
        await server.serve()
        telling.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(15)
    return Gateway(
        url=f"http://127.0.0.1:{made['port']}",
        sample=sample,
        tokens=tokens,
        permissions=permissions,
        application=made["application"],
        server=made["server"],
        thread=thread,
        loop=made["loop"],
        services=[service],
    )


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    running = start_gateway()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as session:
        yield session
