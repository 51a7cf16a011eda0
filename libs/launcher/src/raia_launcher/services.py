"""Which services are installed, and the environment that each is given."""

import json
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import entry_points
from urllib.parse import quote

from raia_launcher import service_keys
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home
from raia_launcher.settings import LauncherSettings, inherited_environment

GROUP = "raia.services"
"""Entry points of this group name the services: ``ingest = "raia_ingest"``."""
GATEWAY = "gateway"
DATABASE = "raia"
"""Name of the database in the bundled server."""


@dataclass(frozen=True)
class Service:
    """One process of the platform: ``python -m <module> serve``."""

    name: str
    module: str
    grpc_port: int = 0
    metrics_port: int = 0

    @property
    def command(self) -> list[str]:
        """Its command line."""
        serve = [] if self.name == GATEWAY else ["serve"]
        return [sys.executable, "-m", self.module, *serve]


def installed() -> list[str]:
    """Names of the installed services in alphabetical order; raises ``LauncherError`` for a name that cannot be one."""
    return sorted(_modules())


def _modules() -> dict[str, str]:
    modules = {point.name: point.value for point in entry_points(group=GROUP) if point.name != GATEWAY}
    wrong = [name for name in modules if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)]
    if wrong:
        raise LauncherError(f"services with impossible names are installed: {', '.join(wrong)}")
    return modules


def with_ports() -> tuple[list[Service], Service]:
    """The services and the gateway, each with ports that are free now."""
    modules = _modules()
    ports = iter(free_ports(2 * len(modules) + 2))
    services = [Service(name, modules[name], next(ports), next(ports)) for name in sorted(modules)]
    return services, Service(GATEWAY, "raia_gateway", next(ports), next(ports))


def free_ports(count: int) -> list[int]:
    """Different TCP ports on loopback that nobody listens on at this moment."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def addresses(services: Sequence[Service]) -> dict[str, str]:
    """gRPC addresses by service name."""
    return {service.name: f"127.0.0.1:{service.grpc_port}" for service in services}


def passwords(settings: LauncherSettings, home: Home, services: Sequence[str]) -> dict[str, str]:
    """Passwords of the database roles by service name, the gateway's included."""
    given = settings.database_passwords
    return {
        name: given[name].get_secret_value() if name in given else home.secret(f"database_{name}")
        for name in (*services, GATEWAY)
    }


def database_url(admin_url: str, service: str, password: str) -> str:
    """The URL of a service's role on the administrator's database."""
    scheme, _, rest = admin_url.partition("://")
    return f"{scheme}://raia_{service}:{quote(password, safe='')}@{rest.rpartition('@')[2]}"


def environment(
    service: Service, *, home: Home, settings: LauncherSettings, admin_url: str, known: Mapping[str, str]
) -> dict[str, str]:
    """What the service reads: settings that are ours to decide over those that the caller's environment holds.

    ``known`` are the services' addresses by name.
    """
    password = passwords(settings, home, [service.name])[service.name]
    url = database_url(admin_url, service.name, password)
    values = {
        "RAIA_GRPC_HOST": "127.0.0.1",
        "RAIA_GRPC_PORT": str(service.grpc_port),
        "RAIA_METRICS_PORT": str(service.metrics_port),
        "RAIA_SERVICES": json.dumps(dict(known)),
        "RAIA_DATABASE_URL": url,
        "RAIA_DATABASE_DIRECT_URL": url,
        "RAIA_SERVICE_KEY_FILE": str(service_keys.private_key_file(home, service.name)),
        "RAIA_ENVELOPE_KEY": service_keys.envelope_key(home, service.name),
        "PYTHONUNBUFFERED": "1",
    }
    inherited = inherited_environment()
    inherited.setdefault("RAIA_OBJECTS_URL", home.objects.as_uri())
    if service.name == "ingest":
        inherited.setdefault("RAIA_WATCHED_FOLDERS", json.dumps([str(home.watched / "{org_id}")]))
    if service.name == GATEWAY:
        values |= {"RAIA_HTTP_HOST": settings.host, "RAIA_HTTP_PORT": str(settings.http_port)}
    if service.name == "auth":
        values |= {
            "RAIA_SERVICE_KEYS_FILE": str(service_keys.public_keys_file(home, [*known, GATEWAY])),
            "RAIA_ADMIN_EMAIL": settings.admin_email,
            "RAIA_ADMIN_PASSWORD": admin_password(settings, home),
        }
    return {**inherited, **values}


def admin_password(settings: LauncherSettings, home: Home) -> str:
    """The first administrator's password: the one that is set, else a random one."""
    return settings.admin_password.get_secret_value() or home.secret("admin_password")
