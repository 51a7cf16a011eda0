"""The composition root: settings → clients → parts → application."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from raia_kit.access import AccessIndex, AuthAccessSource
from raia_kit.channels import ServiceChannels
from raia_kit.contract import MethodContract, all_methods, descriptor_set
from raia_kit.faults import Faults
from raia_kit.identity import ServiceIdentity, TokenVerifier, jwks_of_auth
from raia_kit.rate_limit import InProcessRateLimiter, rates
from raia_kit.telemetry import version_of

from raia_gateway.admission import Admission, Authenticator
from raia_gateway.application import Application, Limits, Parts
from raia_gateway.diagnostics import Probe
from raia_gateway.events import open_log
from raia_gateway.headers import CommonHeaders
from raia_gateway.live.connection import LiveLimits
from raia_gateway.live.hub import Hub
from raia_gateway.live.topics import TopicPermissions
from raia_gateway.live.websocket import PATH, LiveSocket
from raia_gateway.operations import Operations, OwnCheck
from raia_gateway.settings import GatewaySettings
from raia_gateway.tracing import Tracing
from raia_gateway.upstream import Upstream

_LOG = logging.getLogger(__name__)


@dataclass
class Gateway:
    """An application and what must be closed when it ends."""

    application: Application
    stack: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Closes clients, connections and threads."""
        self.stack.close()


def served_contracts(settings: GatewaySettings) -> list[MethodContract]:
    """The contracts of the gateway and of the services that the settings name: others are 404."""
    return [method for method in all_methods() if method.service == "gateway" or method.service in settings.services]


def build(settings: GatewaySettings) -> Gateway:
    """Puts the gateway together; raises ``ValueError`` without a key file, ``TemplateError`` for a bad contract."""
    if settings.service_key_file is None:
        raise ValueError("RAIA_SERVICE_KEY_FILE must name the gateway's private key")
    stack = ExitStack()
    faults = Faults("gateway", settings.sentry_dsn.get_secret_value(), version_of("gateway"))
    stack.callback(faults.close)
    channels = stack.enter_context(ServiceChannels(settings))
    log = open_log(settings, stack)
    identity = ServiceIdentity("gateway", settings.service_key_file, channels)
    access = AccessIndex(AuthAccessSource(channels, identity), log)
    access.start()
    stack.callback(access.stop)
    admission = Admission(
        Authenticator(TokenVerifier(jwks_of_auth(channels), settings.issuer)),
        access,
        # Each gateway process limits by itself, without a round trip; the services share limits among replicas.
        InProcessRateLimiter(),
        rates(settings),
        access_max_age=settings.access_max_age,
    )
    contracts = served_contracts(settings)
    upstream = Upstream(settings.services, contracts)
    hub = Hub(log, settings.live_ring)
    operations = Operations(
        Probe(settings.services, upstream, lambda: identity.exchange(None, None)),
        admission,
        {"access": _current(access, settings.access_max_age), "live": hub.healthy},
    )
    starting = _Starting(hub)
    live = _live(hub, admission, contracts, settings, faults)
    parts = Parts(
        contracts=contracts,
        admission=admission,
        upstream=upstream,
        headers=CommonHeaders(settings.cors_origins, strict_transport=settings.strict_transport),
        faults=faults,
        live=live,
        limits=Limits(body=settings.body_limit, upload=settings.upload_limit),
        tracing=Tracing(recording=bool(settings.otlp_endpoint)),
        local=operations.handlers(),
        pages={PATH: live.plain},
        startup=(starting.begin,),
        shutdown=(starting.end, upstream.close),
    )
    application = Application(parts)
    application.describe(descriptor_set(), version_of("gateway"))
    return Gateway(application, stack)


def _current(access: AccessIndex, max_age: float) -> OwnCheck:
    def check() -> tuple[bool, str]:
        if access.age() <= max_age:
            return True, ""
        return False, access.healthy()[1] or "roles, grants and revocations are not current"

    return check


def _live(
    hub: Hub, admission: Admission, contracts: Sequence[MethodContract], settings: GatewaySettings, faults: Faults
) -> LiveSocket:
    limits = LiveLimits(
        queue=settings.live_queue,
        queue_bytes=settings.live_queue_bytes,
        heartbeat=settings.live_heartbeat,
        connections=settings.live_connections,
        connections_per_user=settings.live_connections_per_user,
    )
    return LiveSocket(hub, admission, TopicPermissions(contracts), limits, faults)


class _Starting:
    """Starts the hub as soon as the log can be read; REST is served meanwhile."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begins without waiting: a database that is away must not keep the gateway from answering."""
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Gives up starting, or stops what was started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._hub.stop()

    async def _run(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._hub.start()
            except Exception:
                _LOG.warning("the event log cannot be read yet", exc_info=True)
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)
            else:
                return
