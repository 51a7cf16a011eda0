"""Asks every service how it is: all at once, one second each, an answer kept for a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import grpc
from grpc_health.v1 import health_pb2
from raia.platform.v1 import diagnostics_pb2, diagnostics_service_pb2
from raia_kit.errors import RaiaError
from raia_kit.metadata import AUTHORIZATION

from raia_gateway.upstream import Upstream

_DEADLINE = 1.0
_KEPT = 1.0
_HEALTH = "/grpc.health.v1.Health/Check"
_DIAGNOSTICS = "/raia.platform.v1.DiagnosticsService/GetDiagnostics"

T = TypeVar("T")
TokenSource = Callable[[], str]
"""This service's own token for calls to other services; may block and may raise ``RaiaError``."""


@dataclass(frozen=True)
class Found:
    """What one service answered."""

    service: str
    status: str
    """``serving``, ``degraded``, ``unavailable``, ``not_serving`` or ``unreachable``."""
    seconds: float
    diagnostics: diagnostics_pb2.Diagnostics | None = None
    message: str = ""


@dataclass
class _Kept(Generic[T]):
    """A value that is fetched by one caller at a time and kept for a moment."""

    fetch: Callable[[], Awaitable[T]]
    at: float = float("-inf")
    value: T | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> T:
        """The value, at most ``_KEPT`` seconds old."""
        async with self.lock:
            if self.value is None or time.monotonic() - self.at > _KEPT:
                self.value = await self.fetch()
                self.at = time.monotonic()
            return self.value


class Probe:
    """The services behind the gateway, as they say they are."""

    def __init__(self, services: Mapping[str, str], upstream: Upstream, token: TokenSource) -> None:
        self._services = sorted(services)
        self._upstream, self._token = upstream, token
        self._health = _Kept(self._ask_health)
        self._diagnostics = _Kept(self._ask_diagnostics)

    async def health(self) -> list[Found]:
        """The standard health of every service, which needs no token."""
        return await self._health.get()

    async def diagnostics(self) -> list[Found]:
        """The diagnostics of every service; ``unreachable`` for one that does not answer in time."""
        return await self._diagnostics.get()

    async def _ask_health(self) -> list[Found]:
        return list(await asyncio.gather(*(self._check(name) for name in self._services)))

    async def _ask_diagnostics(self) -> list[Found]:
        try:
            token = await asyncio.wait_for(asyncio.to_thread(self._token), _DEADLINE)
        except (RaiaError, TimeoutError):
            # Auth is away: what the others say to anybody is better than nothing.
            return await self._ask_health()
        return list(await asyncio.gather(*(self._diagnose(name, token) for name in self._services)))

    async def _check(self, name: str) -> Found:
        call: Any = self._upstream.channel(name).unary_unary(
            _HEALTH,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        began = time.monotonic()
        try:
            answer = await call(health_pb2.HealthCheckRequest(), timeout=_DEADLINE)
        except grpc.aio.AioRpcError:
            return Found(name, "unreachable", time.monotonic() - began, message=_silent())
        serving = answer.status == health_pb2.HealthCheckResponse.SERVING
        return Found(name, "serving" if serving else "not_serving", time.monotonic() - began)

    async def _diagnose(self, name: str, token: str) -> Found:
        call: Any = self._upstream.channel(name).unary_unary(
            _DIAGNOSTICS,
            request_serializer=diagnostics_service_pb2.GetDiagnosticsRequest.SerializeToString,
            response_deserializer=diagnostics_pb2.Diagnostics.FromString,
        )
        began = time.monotonic()
        request = diagnostics_service_pb2.GetDiagnosticsRequest()
        try:
            answer = await call(request, timeout=_DEADLINE, metadata=((AUTHORIZATION, f"Bearer {token}"),))
        except grpc.aio.AioRpcError as error:
            away = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            said = _silent() if away else f"its diagnostics failed with {error.code().name}"
            return Found(name, "unreachable", time.monotonic() - began, message=said)
        return Found(name, answer.status or "unavailable", time.monotonic() - began, answer)


def _silent() -> str:
    return f"no answer within {_DEADLINE:g} s"
