"""Reads from the descriptors what each rpc and field is: access, route, audit, effect, upload, job permissions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module, resources

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor
from raia.options.v1 import options_pb2


class Access(Enum):
    """The four ways in which an rpc may be reached."""

    ROUTED = "routed"
    SELF = "self"
    PUBLIC = "public"
    INTERNAL = "internal"


class ContractError(Exception):
    """A contract leaves out what the platform must know; the build fails on it."""


@dataclass(frozen=True)
class MethodContract:
    """One rpc as its contract describes it."""

    full_name: str
    """``/raia.ingest.v1.DatasetService/GetDataset``, as gRPC spells it."""
    service: str
    """The owning service: ``ingest``; ``platform`` for what the kit serves everywhere."""
    access: Access
    permission: str
    reason: str
    internal_services: frozenset[str]
    resource_field: str
    resource_type: str
    audit_action: str
    effect: int
    cache_seconds: float
    cache_category: str
    rate_class: int
    detached: bool
    job_permissions: frozenset[str]
    timeout: float
    idempotent: bool
    """Safe to retry: declared NO_SIDE_EFFECTS or IDEMPOTENT."""
    mutating: bool
    """Not declared NO_SIDE_EFFECTS."""
    request_streaming: bool
    response_streaming: bool
    descriptor: MethodDescriptor

    @property
    def upload(self) -> options_pb2.Upload | None:
        """How a REST body becomes the request stream; None unless it is an upload."""
        policy = method_policy(self.descriptor)
        return policy.upload if policy.HasField("upload") else None

    @property
    def http_rule(self) -> http_pb2.HttpRule | None:
        """The ``google.api.http`` rule, or None for an rpc without a REST route."""
        options = self.descriptor.GetOptions()
        if not options.HasExtension(annotations_pb2.http):
            return None
        rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
        return rule


def method_policy(method: MethodDescriptor) -> options_pb2.RpcPolicy:
    """The ``raia.options.v1.rpc`` option; raises ``ContractError`` when the rpc has none."""
    options = method.GetOptions()
    if not options.HasExtension(options_pb2.rpc):
        raise ContractError(f"{method.full_name} lacks option (raia.options.v1.rpc)")
    policy: options_pb2.RpcPolicy = options.Extensions[options_pb2.rpc]
    return policy


_ACCESS = {
    "permission": Access.ROUTED,
    "self_reason": Access.SELF,
    "public_reason": Access.PUBLIC,
    "internal": Access.INTERNAL,
}


def read_method(method: MethodDescriptor) -> MethodContract:
    """The contract of one rpc; raises ``ContractError`` when it is incomplete or contradicts itself."""
    policy = method_policy(method)
    chosen = policy.WhichOneof("access")
    if chosen is None or not (getattr(policy, chosen) if chosen != "internal" else policy.internal.services):
        raise ContractError(f"{method.full_name} states no access: permission, self_reason, public_reason or internal")
    access = _ACCESS[chosen]
    options = method.GetOptions()
    level = options.idempotency_level
    contract = MethodContract(
        full_name=f"/{method.containing_service.full_name}/{method.name}",
        service=method.containing_service.file.package.split(".")[1],
        access=access,
        permission=policy.permission if access is Access.ROUTED else "",
        reason=getattr(policy, chosen) if access in (Access.SELF, Access.PUBLIC) else "",
        internal_services=frozenset(policy.internal.services) if access is Access.INTERNAL else frozenset(),
        resource_field=policy.resource_field,
        resource_type=policy.resource_type,
        audit_action=policy.audit_action,
        effect=policy.effect,
        cache_seconds=policy.cache_ttl.ToTimedelta().total_seconds(),
        cache_category=policy.cache_category,
        rate_class=policy.rate_class,
        detached=policy.detached,
        job_permissions=frozenset(policy.job_permissions),
        timeout=policy.timeout.ToTimedelta().total_seconds() or 30.0,
        idempotent=level != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN,
        mutating=level != descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS,
        request_streaming=method.client_streaming,
        response_streaming=method.server_streaming,
        descriptor=method,
    )
    routed = options.HasExtension(annotations_pb2.http)
    if access is Access.INTERNAL and routed:
        raise ContractError(f"{method.full_name} is internal and must have no REST route")
    if access is not Access.INTERNAL and not routed:
        raise ContractError(f"{method.full_name} needs a google.api.http route, or to be internal")
    if contract.mutating and access is not Access.INTERNAL and not contract.audit_action:
        raise ContractError(f"{method.full_name} changes something and needs an audit_action")
    if bool(contract.resource_field) != bool(contract.resource_type):
        raise ContractError(f"{method.full_name} needs both resource_field and resource_type, or neither")
    return contract


def methods_of(services: Iterable[ServiceDescriptor]) -> Iterator[MethodContract]:
    """The contracts of all rpcs of the services."""
    for service in services:
        for method in service.methods:
            yield read_method(method)


@cache
def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Every contract with its comments, as ``make gen`` wrote it."""
    data = (resources.files("raia") / "descriptors.binpb").read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(data)


@cache
def contract_files() -> tuple[FileDescriptor, ...]:
    """The descriptors of every ``raia`` contract file, their generated modules imported."""
    pool = descriptor_pool.Default()
    files = []
    for file in descriptor_set().file:
        if file.package.startswith("raia."):
            import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
            files.append(pool.FindFileByName(file.name))
    return tuple(files)


@cache
def all_services() -> tuple[ServiceDescriptor, ...]:
    """Every gRPC service of every contract, in file order."""
    return tuple(service for file in contract_files() for service in file.services_by_name.values())


@cache
def all_methods() -> tuple[MethodContract, ...]:
    """Every rpc of every contract; raises ``ContractError`` when one is incomplete."""
    return tuple(methods_of(all_services()))


@cache
def job_permissions(service: str) -> frozenset[str]:
    """The permissions that jobs of ``service`` may be given by the token exchange."""
    return frozenset(name for method in all_methods() if method.service == service for name in method.job_permissions)


def field_policy(field: FieldDescriptor) -> options_pb2.FieldPolicy:
    """The ``raia.options.v1.field`` option of a field, empty when it has none."""
    policy: options_pb2.FieldPolicy = field.GetOptions().Extensions[options_pb2.field]
    return policy
