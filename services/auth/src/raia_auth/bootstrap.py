"""The composition root: settings → use cases → servicers."""

from collections.abc import Mapping

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
from raia_kit.resources import ResourceGuard
from raia_kit.server import Servicer

from raia_auth.access.service import AccessSnapshot
from raia_auth.access.servicer import AccessServicer
from raia_auth.assembly import Assembly
from raia_auth.audit.servicer import AuditServicer
from raia_auth.authentication.servicer import AuthenticationServicer
from raia_auth.keys.servicer import KeyServicer
from raia_auth.operations.service import OperationsService
from raia_auth.operations.servicer import OperationsServicer
from raia_auth.tokens.servicer import TokenServicer
from raia_auth.users.servicer import UserServicer


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
