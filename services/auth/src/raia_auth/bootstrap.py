"""The composition root: settings → use cases → servicers."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from raia.auth.v1 import (
    access_service_pb2,
    audit_service_pb2,
    authentication_service_pb2,
    key_service_pb2,
    operations_service_pb2,
    token_service_pb2,
    user_service_pb2,
)
from raia_kit.channels import ServiceChannels
from raia_kit.housekeeping import Housekeeping
from raia_kit.jobs import Job, JobQueue
from raia_kit.resources import ResourceGuard
from raia_kit.service import Runtime, Service, Servicer

from raia_auth.access.service import AccessSnapshot
from raia_auth.access.servicer import AccessServicer
from raia_auth.assembly import Assembly
from raia_auth.audit.backlog import Backlog
from raia_auth.audit.servicer import AuditServicer
from raia_auth.authentication.servicer import AuthenticationServicer
from raia_auth.keys.servicer import KeyServicer
from raia_auth.operations.service import OperationsService
from raia_auth.operations.servicer import OperationsServicer
from raia_auth.settings import AuthSettings
from raia_auth.tokens.servicer import TokenServicer
from raia_auth.users.servicer import UserServicer

_LOG = logging.getLogger(__name__)


def build(settings: AuthSettings) -> Service:
    """The service as it runs. Raises ``ValueError`` when the settings lack what it needs."""
    return compose(settings)[0]


def compose(
    settings: AuthSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> tuple[Service, Assembly]:
    """The service and the use cases that it is made of."""
    runtime = Runtime(settings)
    assembly = Assembly(settings, runtime.database, now)
    snapshot = assembly.access.source(runtime.log)
    # Auth is its own source of what the others ask it for.
    runtime.jwks_source = assembly.ring.public_keys
    runtime.access_source = snapshot
    runtime.service_keys = settings.service_keys
    schedule(runtime.jobs, assembly, trim_log=settings.events == "postgres")
    service = Service(
        settings=settings,
        runtime=runtime,
        servicers=servicers(assembly, snapshot, runtime.channels),
        consumers=[assembly.sequencer.consumer()],
        resource_guards=guards(assembly),
        background=[Backlog(runtime.database, runtime.log)],
        prepare=lambda: prepare(settings, assembly),
    )
    return service, assembly


def prepare(settings: AuthSettings, assembly: Assembly) -> None:
    """Makes the first signing key and, when there is no organisation and the settings name one, the administrator."""
    assembly.ring.reload()
    if not settings.admin_email:
        return
    made = assembly.administration.first_start(
        settings.admin_email, settings.admin_password.get_secret_value(), settings.admin_organisation
    )
    if made is not None:
        _LOG.info("created the first administrator", extra={"facts": {"email": made.email, "org_id": str(made.org_id)}})


def schedule(queue: JobQueue, assembly: Assembly, *, trim_log: bool) -> None:
    """Declares the periodic jobs: what has ended is forgotten, keys are rotated though nobody signs in."""
    Housekeeping(assembly.database, trim_log=trim_log).schedule(queue)

    @queue.periodic("auth.housekeeping", "7 * * * *", time_limit=600)
    def collect(_job: Job) -> None:
        assembly.ring.reload()
        with assembly.database.platform_unit_of_work() as unit:
            assembly.sessions.forget_ended(unit)
            assembly.throttle.forget(unit)


def servicers(assembly: Assembly, snapshot: AccessSnapshot, channels: ServiceChannels) -> list[Servicer]:
    """The rpcs of auth's contracts."""
    operations = OperationsService(channels, assembly.issuer)
    return [
        Servicer(
            authentication_service_pb2.DESCRIPTOR.services_by_name["AuthenticationService"],
            AuthenticationServicer(assembly.authentication, assembly.me),
        ),
        Servicer(key_service_pb2.DESCRIPTOR.services_by_name["KeyService"], KeyServicer(assembly.ring)),
        Servicer(token_service_pb2.DESCRIPTOR.services_by_name["TokenService"], TokenServicer(assembly.exchange)),
        Servicer(access_service_pb2.DESCRIPTOR.services_by_name["AccessService"], AccessServicer(snapshot)),
        Servicer(
            user_service_pb2.DESCRIPTOR.services_by_name["UserService"], UserServicer(assembly.users, assembly.listing)
        ),
        Servicer(audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"], AuditServicer(assembly.audit)),
        Servicer(
            operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"], OperationsServicer(operations)
        ),
    ]


def guards(assembly: Assembly) -> Mapping[str, ResourceGuard]:
    """How resources of auth are found for the second step of authorization."""
    return {"user": assembly.guard}
