"""The gRPC server of a process: rpcs behind the chain, health, reflection, limits, and a stop that drains."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2
from raia.options.v1 import options_pb2

from raia_kit.contract import Access, ContractError, MethodContract, read_method
from raia_kit.interceptors.unit_of_work import MESSAGE_BYTES

if TYPE_CHECKING:
    _Interceptor = grpc.ServerInterceptor[Any, Any]

_LOG = logging.getLogger(__name__)
_HANDLERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    # Clients look names up anew when a connection ends, and so find replicas that came later.
    ("grpc.max_connection_age_ms", 10 * 60_000),
    ("grpc.max_connection_age_grace_ms", 70 * 60_000),
]
_QUEUED_PER_THREAD = 8
_HEALTH_THREADS = 2


@dataclass(frozen=True)
class Servicer:
    """A gRPC service and the object whose methods, named as its rpcs, serve it."""

    descriptor: ServiceDescriptor
    implementation: object


def contracts_of(servicers: Iterable[Servicer]) -> list[MethodContract]:
    """The contracts of everything that the servicers serve, and of reflection.

    Raises ``ContractError`` when a contract is incomplete or an rpc has no implementation.
    """
    contracts = [_reflection_contract()]
    for servicer in servicers:
        for method in servicer.descriptor.methods:
            served = getattr(servicer.implementation, method.name, None)
            if served is None or getattr(served, "__module__", "").endswith("_pb2_grpc"):
                raise ContractError(f"{type(servicer.implementation).__name__} does not implement {method.full_name}")
            contracts.append(read_method(method))
    return contracts


class GrpcServer:
    """A server on a pool of threads; rpcs that find no free one wait, and are refused when too many do."""

    def __init__(
        self, servicers: Sequence[Servicer], chain: "_Interceptor", *, host: str, port: int, threads: int
    ) -> None:
        self._pool = futures.ThreadPoolExecutor(threads, thread_name_prefix="rpc")
        self._health_pool = futures.ThreadPoolExecutor(_HEALTH_THREADS, thread_name_prefix="health")
        self._server = grpc.server(
            self._pool,
            interceptors=[chain],
            options=_OPTIONS,
            maximum_concurrent_rpcs=threads * _QUEUED_PER_THREAD,
        )
        self._health = health.HealthServicer(experimental_thread_pool=self._health_pool)
        self._names = [servicer.descriptor.full_name for servicer in servicers]
        for servicer in servicers:
            self._add(servicer)
        self._add_health()
        reflection.enable_server_reflection([*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self._address = f"{host}:{port}"
        self._host = host
        self.port = 0
        """The port listened on, once started."""
        self.set_serving(False)

    @property
    def address(self) -> str:
        """``host:port`` that clients reach it under."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "") else self._host  # noqa: S104 - read, not bound
        return f"{host}:{self.port}"

    def start(self) -> None:
        """Begins to answer; raises ``OSError`` when the port is taken. Health stays NOT_SERVING until told."""
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address}") from error
        self._server.start()
        _LOG.info("listening", extra={"facts": {"address": self.address}})

    def set_serving(self, serving: bool) -> None:
        """What standard health answers for the process and each of its services."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (health.OVERALL_HEALTH, *self._names):
            self._health.set(name, status)

    def stop(self, grace: float = 10.0) -> bool:
        """Turns health to NOT_SERVING, takes no new calls, and waits up to ``grace`` seconds for those at hand.

        False when handlers were still running then: their calls were cancelled, their threads were not.
        """
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()
        for pool in (self._pool, self._health_pool):
            pool.shutdown(wait=False, cancel_futures=True)
        return not self._busy()

    def _busy(self) -> bool:
        for thread in list(self._pool._threads):
            thread.join(0.2)
        return any(thread.is_alive() for thread in self._pool._threads)

    def _add(self, servicer: Servicer) -> None:
        handlers = {method.name: _handler(method, servicer.implementation) for method in servicer.descriptor.methods}
        name = servicer.descriptor.full_name
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        cast(Any, self._server).add_registered_method_handlers(name, handlers)

    def _add_health(self) -> None:
        def check(request: Any, context: grpc.ServicerContext) -> Any:
            return self._health.Check(request, context)

        # Health is asked most when every other thread is busy.
        cast(Any, check).experimental_thread_pool = self._health_pool
        request = health_pb2.HealthCheckRequest
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(
                check,
                request_deserializer=request.FromString,
                response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self._health.Watch,
                request_deserializer=request.FromString,
                response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
            ),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers),))


def _handler(method: MethodDescriptor, implementation: object) -> Any:
    """The bare handler: bytes in and out, because the chain parses and serializes."""
    behaviour: Callable[..., Any] = getattr(implementation, method.name)
    return _HANDLERS[method.client_streaming, method.server_streaming](behaviour)


def _reflection_contract() -> MethodContract:
    """Reflection is no contract of ours: anybody with a token of an organisation may ask what is served."""
    descriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    return MethodContract(
        full_name=f"/{descriptor.full_name}/ServerReflectionInfo",
        service="platform",
        access=Access.SELF,
        permission="",
        reason="describes the contracts, which are public",
        internal_services=frozenset(),
        resource_field="",
        resource_type="",
        audit_action="",
        effect=options_pb2.EFFECT_UNSPECIFIED,
        cache_seconds=0.0,
        cache_category="",
        rate_class=options_pb2.RATE_CLASS_UNSPECIFIED,
        detached=True,
        job_permissions=frozenset(),
        timeout=60.0,
        idempotent=True,
        mutating=False,
        request_streaming=True,
        response_streaming=True,
        descriptor=descriptor.methods_by_name["ServerReflectionInfo"],
    )
