"""A service: what it serves and consumes, and the command line by which it runs."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from raia_kit.contract import ContractError, MethodContract
from raia_kit.events.consumer import Consumer
from raia_kit.logs import start_logging
from raia_kit.process import PARTS, Part, Process
from raia_kit.resources import ResourceGuard
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer, contracts_of
from raia_kit.settings import MigrationSettings, ServiceSettings

__all__ = ["Part", "Process", "Runtime", "Service", "Servicer", "main"]

_LOG = logging.getLogger(__name__)
S = TypeVar("S", bound=ServiceSettings)


@dataclass
class Service:
    """One service, composed: made by its ``bootstrap.build``."""

    settings: ServiceSettings
    runtime: Runtime
    servicers: Sequence[Servicer]
    consumers: Sequence[Consumer] = ()
    resource_guards: Mapping[str, ResourceGuard] = field(default_factory=dict)
    """How each type of resource that this service owns is looked up."""
    foreign_resources: frozenset[str] = frozenset()
    """Types of resources that its rpcs name but another service owns, whose own rpcs check them."""
    background: Sequence[Part] = ()
    """What else runs beside the kit's parts, started after them and stopped before."""
    prepare: Callable[[], None] | None = None
    """Called once before anything is served: to make what the first start needs."""

    def check(self, contracts: Iterable[MethodContract]) -> None:
        """Raises ``ContractError`` when an rpc names a resource that nobody is known to check."""
        known = self.foreign_resources | set(self.resource_guards)
        for method in contracts:
            if method.resource_type and method.resource_type not in known:
                raise ContractError(
                    f"{method.full_name} is about a {method.resource_type}: register a resource guard for it, or "
                    "name it in foreign_resources when another service owns it"
                )


def main(build: Callable[[S], Service], settings_class: type[S], arguments: Sequence[str] | None = None) -> int:
    """The command line of a service: ``serve`` (with ``--parts``), ``migrate``, ``health``; returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m raia_{settings_class.service}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the service until SIGTERM")
    serve.add_argument("--parts", default=",".join(PARTS), help="which parts to run, of: %(default)s")
    commands.add_parser("migrate", help="bring the service's schema to this version")
    commands.add_parser("health", help="ask the running service whether it serves; exit code 0 when it does")
    chosen = parser.parse_args(arguments)
    if chosen.command == "migrate":
        return _migrate(settings_class.service)
    settings = settings_class()
    if chosen.command == "health":
        return _health(settings)
    parts = frozenset(chosen.parts.split(","))
    if not parts <= set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(parts - set(PARTS)))}")
    return _serve(build, settings, parts)


def _serve(build: Callable[[S], Service], settings: S, parts: frozenset[str]) -> int:
    start_logging(settings.service, settings.log_level)
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        service = build(settings)
        process = process_of(service, parts)
        if service.prepare is not None:
            service.prepare()
        clean = process.run(stop)
    except Exception:
        _LOG.exception("the service cannot run")
        logging.shutdown()
        os._exit(1)  # whatever threads have started must not keep the process
    logging.shutdown()
    if not clean:
        # A thread that would not end must not keep the process: its work is taken over or was rolled back.
        os._exit(0)
    return 0


def process_of(service: Service, parts: frozenset[str] = frozenset(PARTS)) -> Process:
    """The process that runs these parts of a service; raises ``ContractError`` when the service is incomplete."""
    contracts = contracts_of(service.servicers)
    service.check(contracts)
    return Process(
        runtime=service.runtime,
        servicers=service.servicers,
        guards=service.resource_guards,
        consumers=service.consumers,
        background=service.background,
        parts=parts,
    )


def _stop_on_signals(stop: threading.Event) -> None:
    """SIGINT and SIGTERM stop the process, also where they were inherited as ignored; a second one kills it."""

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _migrate(service: str) -> int:
    from raia_kit import migrations

    settings = MigrationSettings()
    admin_url = settings.database_admin_url.get_secret_value()
    password = settings.database_role_password.get_secret_value()
    if not admin_url:
        sys.stderr.write("RAIA_DATABASE_ADMIN_URL must name the database and a role that may change it\n")
        return 2
    try:
        migrations.bootstrap(admin_url, [service], {service: password} if password else {})
        migrations.upgrade(admin_url, service)
    except migrations.MigrationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _health(settings: ServiceSettings) -> int:
    host = "127.0.0.1" if settings.grpc_host in ("", "0.0.0.0", "::") else settings.grpc_host  # noqa: S104 - read
    with grpc.insecure_channel(f"{host}:{settings.grpc_port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)
        except grpc.RpcError:
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1
