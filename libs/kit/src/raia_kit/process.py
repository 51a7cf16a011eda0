"""The running process of a service: starts its parts in order, watches them, stops them in order."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from prometheus_client import start_http_server
from raia.platform.v1 import dead_letter_service_pb2

from raia_kit import metrics
from raia_kit.dead_letters import DeadLetterServicer
from raia_kit.diagnostics import DiagnosticsServicer, diagnostics_descriptor
from raia_kit.events.consumer import Consumer, ConsumerLoop
from raia_kit.events.relay import Relay
from raia_kit.interceptors.build import ChainParts, build_chain
from raia_kit.rate_limit import rates
from raia_kit.resources import ResourceGuard
from raia_kit.runtime import Runtime
from raia_kit.server import GrpcServer, Servicer, contracts_of
from raia_kit.telemetry import start_tracing

_LOG = logging.getLogger(__name__)

PARTS = ("server", "relay", "consumers", "jobs")
"""The parts of a service that ``--parts`` chooses from."""
_WATCH_SECONDS = 0.2
_SAMPLE_SECONDS = 5.0
_DRAIN_SECONDS = 10.0


class Part(Protocol):
    """Something that runs in threads of its own."""

    def start(self) -> None:
        """Starts it; returns at once."""

    def stop(self, timeout: float = ...) -> bool:
        """Ends it; False when it has not within ``timeout`` seconds."""
        ...

    def healthy(self) -> tuple[bool, str]:
        """Whether it runs as it should, and if not a sentence that says why, free of secrets."""
        ...


class Process:
    """Runs parts of one service. ``run`` is all that a command line needs; tests use ``start`` and ``stop``."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        servicers: Sequence[Servicer],
        guards: Mapping[str, ResourceGuard],
        consumers: Sequence[Consumer],
        background: Sequence[Part],
        parts: frozenset[str],
    ) -> None:
        self.runtime = runtime
        self.running: dict[str, Part] = {}
        """Parts by name, in the order in which they are started."""
        self._stop_tracing: Callable[[], None] = lambda: None
        self._metrics: tuple[object, threading.Thread] | None = None
        self._serving = False
        self._next_sample = 0.0
        self._diagnostics = DiagnosticsServicer(runtime, self._checks)
        self.server = self._server(servicers, guards) if "server" in parts else None
        self._choose(parts, consumers, background)

    @property
    def serving(self) -> bool:
        """Whether every part has come up, which is when standard health turns to SERVING."""
        return self._serving

    def run(self, stop: threading.Event) -> bool:
        """Starts, watches until ``stop`` is set, and stops; False when a thread would not end."""
        try:
            self.start()
            while not stop.wait(_WATCH_SECONDS):
                self.watch()
        finally:
            clean = self.stop()
        return clean

    def start(self) -> None:
        """Metrics endpoint, access index, server, relay, consumers, jobs; health stays NOT_SERVING until all are up."""
        settings = self.runtime.settings
        self._stop_tracing = start_tracing(self.runtime.service, settings.otlp_endpoint)
        self._metrics = start_http_server(settings.metrics_port, settings.grpc_host)
        self.runtime.session.start()
        self.runtime.access.start()
        if self.server is not None:
            self.server.start()
        for part in self.running.values():
            part.start()

    def watch(self) -> None:
        """Looks at the parts: turns health to SERVING once all are up, and keeps their metrics current."""
        healthy = {name: part.healthy() for name, part in self.running.items()}
        healthy["access"] = self.access_healthy()
        if not self._serving and all(well for well, _ in healthy.values()):
            self._serving = True
            if self.server is not None:
                self.server.set_serving(True)
            _LOG.info("serving", extra={"facts": {"parts": sorted(healthy)}})
        if time.monotonic() >= self._next_sample:
            self._next_sample = time.monotonic() + _SAMPLE_SECONDS
            self._sample(healthy)

    def stop(self) -> bool:
        """Drains the server, then stops what feeds on its work, the relay last; False when a thread would not end."""
        _LOG.info("stopping")
        self._serving = False
        clean = True
        if self.server is not None:
            clean = self.server.stop(_DRAIN_SECONDS)
        for name, part in reversed(self.running.items()):
            if not part.stop():
                clean = False
                _LOG.warning("a part did not end", extra={"facts": {"part": name}})
        clean &= self.runtime.access.stop()
        clean &= self.runtime.session.stop()
        self._diagnostics.close()
        self.runtime.close()
        self._stop_tracing()
        if self._metrics is not None:
            server, thread = self._metrics
            server.shutdown()  # type: ignore[attr-defined]
            server.server_close()  # type: ignore[attr-defined]
            thread.join(2)
        _LOG.info("stopped")
        return clean

    def access_healthy(self) -> tuple[bool, str]:
        """Whether what is known of roles, grants and sessions is current enough to decide on."""
        age, limit = self.runtime.access.age(), self.runtime.settings.access_max_age
        return (True, "") if age <= limit else (False, f"permissions are more than {limit:g} s behind")

    def _choose(self, parts: frozenset[str], consumers: Sequence[Consumer], background: Sequence[Part]) -> None:
        runtime = self.runtime
        if "relay" in parts:
            self.running["relay"] = Relay(runtime.database, runtime.log, direct_url=runtime.direct_url)
        if "consumers" in parts:
            for consumer in consumers:
                loop = ConsumerLoop(consumer, runtime.database, runtime.log, runtime.session)
                self.running[f"consumer {consumer.name}"] = loop
        if "jobs" in parts and runtime.made("jobs") and runtime.jobs.tasks:
            from raia_kit.jobs import Dispatcher

            self.running["jobs"] = Dispatcher(
                runtime.jobs,
                runtime.database,
                runtime.compute,
                direct_url=runtime.direct_url,
                concurrency=runtime.settings.jobs_concurrency,
            )
        for index, part in enumerate(background):
            self.running[str(getattr(part, "name", f"background {index}"))] = part

    def _server(self, servicers: Sequence[Servicer], guards: Mapping[str, ResourceGuard]) -> GrpcServer:
        runtime, settings = self.runtime, self.runtime.settings
        dead_letters = dead_letter_service_pb2.DESCRIPTOR.services_by_name["DeadLetterService"]
        served = [
            *servicers,
            Servicer(diagnostics_descriptor(), self._diagnostics),
            Servicer(dead_letters, DeadLetterServicer(runtime.database)),
        ]
        parts = ChainParts(
            service=runtime.service,
            database=runtime.database,
            verifier=runtime.verifier,
            access=runtime.access,
            access_max_age=settings.access_max_age,
            limiter=runtime.limiter,
            rates=rates(settings),
            faults=runtime.faults,
            metrics=runtime.rpc_metrics,
            guards=guards,
            stream_limit=max(1, settings.grpc_threads // 2),
        )
        chain = build_chain(parts, contracts_of(served))
        return GrpcServer(
            served, chain, host=settings.grpc_host, port=settings.grpc_port, threads=settings.grpc_threads
        )

    def _checks(self) -> dict[str, tuple[bool, str]]:
        """Health of the parts by name, the consumers as one, for diagnostics."""
        found: dict[str, tuple[bool, str]] = {"access": self.access_healthy()}
        for name, part in self.running.items():
            group = "consumers" if name.startswith("consumer ") else name
            well, why = part.healthy()
            if group not in found or (found[group][0] and not well):
                found[group] = (well, why)
        return found

    def _sample(self, healthy: Mapping[str, tuple[bool, str]]) -> None:
        service = self.runtime.service
        pool = self.runtime.database.engine.pool
        metrics.POOL_SIZE.labels(service).set(self.runtime.settings.database_pool)
        metrics.POOL_IN_USE.labels(service).set(pool.checkedout())  # type: ignore[attr-defined]
        metrics.ACCESS_AGE.labels(service).set(self.runtime.access.age())
        for name, (well, _) in healthy.items():
            metrics.PART_HEALTHY.labels(service, name).set(int(well))
