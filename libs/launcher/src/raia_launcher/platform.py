"""``raia up``: the whole platform on one machine, from an empty folder to a healthy gateway."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from raia_launcher import child, cluster, log_files
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home
from raia_launcher.lock import HomeLock
from raia_launcher.postgres import EmbeddedPostgres
from raia_launcher.services import (
    DATABASE,
    GATEWAY,
    Service,
    addresses,
    admin_password,
    environment,
    free_ports,
    with_ports,
)
from raia_launcher.settings import LauncherSettings, inherited_environment
from raia_launcher.stopping import StopRequested, StopSignals
from raia_launcher.supervisor import Program, Supervisor

_DATABASE_STAGE, _SERVICE_STAGE, _GATEWAY_STAGE = range(3)
_FAILED_STARTS = 3
"""How often a program may die while the platform starts before that start has failed."""

Say = Callable[[str], None]


def up(settings: LauncherSettings, say: Say, *, with_parent: bool = False) -> int:
    """Runs the platform until a signal comes; returns the exit code. Raises ``LauncherError`` when it cannot start.

    ``with_parent`` ends it too when the process that started it is gone: make neither passes signals on nor waits.
    """
    home = Home.open(settings.home)
    with HomeLock(home.lock_file), StopSignals(with_parent=with_parent) as signals:
        supervisor = Supervisor(home.logs, signals, say, settings.log_bytes)
        try:
            with signals.interrupting():
                Start(home, settings, supervisor, say).run()
            supervisor.run()
        except StopRequested:
            pass
        finally:
            if supervisor.has_started:
                say("stopping")
            supervisor.stop()
            home.services_file.unlink(missing_ok=True)
        return 0 if signals.count < 2 else 130


class Start:
    """One start of the platform; ``run`` returns once everything is healthy."""

    def __init__(self, home: Home, settings: LauncherSettings, supervisor: Supervisor, say: Say) -> None:
        if settings.http_port == 0:
            settings = settings.model_copy(update={"http_port": free_ports(1)[0]})
        self.home, self.settings, self.supervisor, self.say = home, settings, supervisor, say
        self.begun = time.monotonic()
        self.first = not (home.secrets / "database_admin").exists()

    def run(self) -> None:
        """Database, migrations, services, gateway, in this order."""
        self.say(f"home {self.home.path}")
        self._check_port()
        if forsaken := " ".join(str(place) for place in self.home.forsaken_places()):
            self.say(f"databases of home folders that are gone are kept; to remove them: rm -rf {forsaken}")
        admin_url = self._database()
        cluster.migrate(self.home, self.settings, admin_url)
        self.say(f"database migrated ({self._seconds()})")
        services, gateway = with_ports()
        if not services:
            raise LauncherError("no service is installed")
        known = addresses(services)
        for service in services:
            self._start(service, admin_url, known)
        self.home.services_file.write_text(json.dumps(known))
        for service in services:
            self._wait(service.name, partial(_serving, service.grpc_port))
        # Last, so that whoever gets an answer from it finds the services behind it.
        self._start(gateway, admin_url, known)
        self._wait(GATEWAY, partial(_healthy, self.settings.reachable_host, self.settings.http_port))
        self._report()

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.settings.host, self.settings.http_port))
            except OSError as error:
                place = f"{self.settings.host}:{self.settings.http_port}"
                raise LauncherError(f"{place} cannot be used ({error.strerror}): set RAIA_HTTP_PORT") from error

    def _database(self) -> str:
        named = self.settings.database_admin_url.get_secret_value()
        if named:
            self.say("database: the server that RAIA_DATABASE_ADMIN_URL names")
            return named
        server = cluster.embedded(self.home, self.settings)
        server.process = self.supervisor.start(self._database_program(server))
        try:
            server.wait_ready()
        except LauncherError as error:
            raise LauncherError(f"{error}\n{log_files.tail(self.home.logs / 'postgres.log')}") from error
        cluster.create_database(server)
        self.say(f"PostgreSQL {server.version} on 127.0.0.1:{server.port}, data in {server.data} ({self._seconds()})")
        return server.url(DATABASE)

    def _database_program(self, server: EmbeddedPostgres) -> Program:
        return Program(
            name="postgres",
            command=server.command,
            environment=server.environment,
            folder=server.place,
            stage=_DATABASE_STAGE,
            death_signal=signal.SIGINT,
            stop_signal=signal.SIGINT,
            stop_seconds=30.0,
            kill_signal=signal.SIGQUIT,
        )

    def _start(self, service: Service, admin_url: str, known: dict[str, str]) -> None:
        values = environment(service, home=self.home, settings=self.settings, admin_url=admin_url, known=known)
        stage = _GATEWAY_STAGE if service.name == GATEWAY else _SERVICE_STAGE
        command = partial(child.command, service.command)
        self.supervisor.start(Program(service.name, command, values, self.home.path, stage))

    def _wait(self, name: str, healthy: Callable[[], bool]) -> None:
        while not healthy():
            if self.supervisor.failures(name) >= _FAILED_STARTS:
                raise LauncherError(f"{name} does not start:\n{log_files.tail(self.home.logs / f'{name}.log')}")
            if time.monotonic() - self.begun > self.settings.start_seconds:
                log = log_files.tail(self.home.logs / f"{name}.log")
                raise LauncherError(f"{name} is not healthy after {self.settings.start_seconds:.0f} s:\n{log}")
            self.supervisor.tick(0.1)
        self.say(f"{name} is healthy ({self._seconds()})")

    def _seconds(self) -> str:
        return f"{time.monotonic() - self.begun:.1f} s"

    def _report(self) -> None:
        url = f"http://{self.settings.reachable_host}:{self.settings.http_port}"
        self.say(f"RAIA is up after {self._seconds()}: {url}  (API: {url}/docs, stop: Ctrl-C)")
        if self.first:
            password = admin_password(self.settings, self.home)
            self.say(f"sign in as {self.settings.admin_email} with password {password}")
        else:
            kept = self.home.secrets / "admin_password"
            where = f"the first start's password is in {kept}" if kept.exists() else "with the password set at first"
            self.say(f"sign in as {self.settings.admin_email}; {where}")
        if self.first and self.settings.journey:
            self._journey(url)

    def _journey(self, url: str) -> None:
        """A process of its own, so that the supervisor goes on with its work meanwhile."""
        given = {
            "RAIA_HOME": str(self.home.path),
            "RAIA_ADMIN_EMAIL": self.settings.admin_email,
            "RAIA_ADMIN_PASSWORD": admin_password(self.settings, self.home),
        }
        command = child.command([sys.executable, "-m", "raia_launcher", "journey", "--url", url])
        process = subprocess.Popen(command, env={**inherited_environment(), **given})
        try:
            while process.poll() is None:
                self.supervisor.tick(1.0)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            self.say("the journey did not reach its end; the platform runs on, and 'raia journey' takes it again")


def _serving(port: int) -> bool:
    """Whether the gRPC server says that all of it serves."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _healthy(host: str, port: int) -> bool:
    """Whether the gateway answers that the platform is healthy."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
