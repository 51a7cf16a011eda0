"""The rpcs that the gateway serves itself: health and metrics of the whole platform."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from raia.gateway.v1 import health_pb2, metrics_pb2
from raia.platform.v1 import diagnostics_pb2
from raia_kit.errors import Unavailable
from raia_kit.telemetry import version_of

from raia_gateway import metrics
from raia_gateway.admission import Admission
from raia_gateway.diagnostics import Found, Probe
from raia_gateway.exchange import Exchange
from raia_gateway.upstream import LocalHandler

_PERMISSION = "operations.read"
OwnCheck = Callable[[], tuple[bool, str]]
"""Whether a part of the gateway is well, and if not why."""


class Operations:
    """Health and metrics: what the services say, and the gateway's own part."""

    def __init__(
        self, probe: Probe, admission: Admission, checks: Mapping[str, OwnCheck], *, patience: float = 60.0
    ) -> None:
        """``patience``: seconds after the start in which a service that does not serve yet is waited for."""
        self._probe, self._admission, self._checks = probe, admission, dict(checks)
        self._patience, self._begun = patience, False
        self._process = psutil.Process()
        self._started = time.time()
        psutil.cpu_percent()

    def handlers(self) -> dict[str, LocalHandler]:
        """The rpcs by full name."""
        health, figures = "/raia.gateway.v1.HealthService/", "/raia.gateway.v1.MetricsService/"
        return {
            f"{health}GetHealth": self.health,
            f"{health}GetDetailedHealth": self.detailed_health,
            f"{figures}GetSystemMetrics": self.system_metrics,
            f"{figures}GetApplicationMetrics": self.application_metrics,
            f"{figures}GetDatabaseMetrics": self.database_metrics,
        }

    async def health(self, _request: Message, _exchange: Exchange) -> Message:
        """Serves ``HealthService.GetHealth``; raises ``Unavailable`` (STARTING) until the platform has begun."""
        found = await self._probe.health()
        serving = all(one.status == "serving" for one in found)
        own = all(check()[0] for check in self._checks.values())
        if not self._begun and not (own and (serving or time.time() - self._started > self._patience)):
            raise Unavailable("the platform is starting; try again", reason="STARTING", retry_after=1.0)
        self._begun = True
        well = serving and own
        return health_pb2.Health(
            status="serving" if well else "degraded",
            version=version_of("gateway"),
            checked_at=_now(),
            services=[health_pb2.ServiceStatus(name=one.service, status=one.status) for one in found],
        )

    async def detailed_health(self, _request: Message, exchange: Exchange) -> Message:
        """Serves ``HealthService.GetDetailedHealth``."""
        await self._authorize(exchange)
        services = [*map(_service_health, await self._probe.diagnostics()), self._own_health()]
        return health_pb2.DetailedHealth(
            status="serving" if all(service.status == "serving" for service in services) else "degraded",
            checked_at=_now(),
            services=sorted(services, key=lambda service: service.name),
        )

    async def system_metrics(self, _request: Message, exchange: Exchange) -> Message:
        """Serves ``MetricsService.GetSystemMetrics``."""
        await self._authorize(exchange)
        found = await self._probe.diagnostics()
        processes = [
            metrics_pb2.ProcessMetrics(
                service=one.service, started_at=one.diagnostics.started_at, figures=one.diagnostics.process
            )
            for one in found
            if one.diagnostics is not None
        ]
        processes.append(
            metrics_pb2.ProcessMetrics(
                service="gateway", started_at=_moment(self._started), figures=self._process_figures()
            )
        )
        return metrics_pb2.SystemMetrics(
            collected_at=_now(),
            machine=_machine(),
            processes=sorted(processes, key=lambda process: process.service),
            unreachable=_silent(found),
        )

    async def application_metrics(self, _request: Message, exchange: Exchange) -> Message:
        """Serves ``MetricsService.GetApplicationMetrics``."""
        await self._authorize(exchange)
        found = await self._probe.diagnostics()
        return metrics_pb2.ApplicationMetrics(
            collected_at=_now(),
            gateway=_gateway_figures(),
            services=[
                metrics_pb2.ServiceApplication(service=one.service, figures=one.diagnostics.application)
                for one in found
                if one.diagnostics is not None
            ],
            unreachable=_silent(found),
        )

    async def database_metrics(self, _request: Message, exchange: Exchange) -> Message:
        """Serves ``MetricsService.GetDatabaseMetrics``."""
        await self._authorize(exchange)
        found = await self._probe.diagnostics()
        services = [
            metrics_pb2.ServiceDatabase(service=one.service, figures=one.diagnostics.database)
            for one in found
            if one.diagnostics is not None
        ]
        return metrics_pb2.DatabaseMetrics(
            collected_at=_now(),
            services=services,
            total_bytes=sum(service.figures.schema_bytes for service in services),
            connections_in_use=sum(service.figures.connections_in_use for service in services),
            unreachable=_silent(found),
        )

    async def _authorize(self, exchange: Exchange) -> None:
        # In a thread: a caller who has just registered may have to be waited for.
        await asyncio.to_thread(self._admission.authorize, exchange.caller, _PERMISSION)

    def _own_health(self) -> health_pb2.ServiceHealth:
        checks = []
        for name, check in self._checks.items():
            well, why = check()
            checks.append(diagnostics_pb2.Check(name=name, status="ok" if well else "failed", message=why))
        return health_pb2.ServiceHealth(
            name="gateway",
            status="serving" if all(check.status == "ok" for check in checks) else "degraded",
            version=version_of("gateway"),
            started_at=_moment(self._started),
            checks=checks,
        )

    def _process_figures(self) -> diagnostics_pb2.ProcessFigures:
        with self._process.oneshot():
            times = self._process.cpu_times()
            return diagnostics_pb2.ProcessFigures(
                cpu_seconds=times.user + times.system,
                resident_bytes=self._process.memory_info().rss,
                open_files=self._process.num_fds(),
                threads=self._process.num_threads(),
            )


def _service_health(found: Found) -> health_pb2.ServiceHealth:
    said = found.diagnostics
    status = found.status
    if said is not None and status == "serving" and any(check.status != "ok" for check in said.checks):
        status = "degraded"
    return health_pb2.ServiceHealth(
        name=found.service,
        status=status,
        version=said.version if said is not None else "",
        started_at=said.started_at if said is not None else None,
        checks=said.checks if said is not None else (),
        duration_ms=round(found.seconds * 1000, 3),
        message=found.message,
    )


def _silent(found: list[Found]) -> list[str]:
    return [one.service for one in found if one.diagnostics is None]


def _machine() -> metrics_pb2.MachineFigures:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
    return metrics_pb2.MachineFigures(
        cpu_count=psutil.cpu_count() or 0,
        cpu_usage=psutil.cpu_percent() / 100,
        load_1m=os.getloadavg()[0],
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )


def _gateway_figures() -> metrics_pb2.GatewayFigures:
    requests = errors = 0
    for family in metrics.REQUEST_SECONDS.collect():
        for sample in family.samples:
            if sample.name.endswith("_count"):
                requests += int(sample.value)
                errors += int(sample.value) if sample.labels["status"] >= "500" else 0
    return metrics_pb2.GatewayFigures(
        requests=requests,
        server_errors=errors,
        requests_in_flight=int(_value(metrics.REQUESTS_IN_FLIGHT)),
        live_connections=int(_value(metrics.LIVE_CONNECTIONS)),
        live_messages=int(_value(metrics.LIVE_MESSAGES)),
        uploaded_bytes=int(_value(metrics.UPLOADED_BYTES)),
        downloaded_bytes=int(_value(metrics.DOWNLOADED_BYTES)),
    )


def _value(metric: metrics.Counted) -> float:
    return next(iter(metric.collect())).samples[0].value


def _now() -> Timestamp:
    return _moment(time.time())


def _moment(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(int(seconds * 1e6))
    return moment
