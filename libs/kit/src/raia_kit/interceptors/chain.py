"""Composes the stages into the one interceptor that every rpc passes."""

import ipaddress
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from raia_kit.context import Call, serving
from raia_kit.contract import MethodContract
from raia_kit.errors import InvalidArgument, ResourceExhausted
from raia_kit.interceptors.requests import parse
from raia_kit.interceptors.stage import Refused, Stage
from raia_kit.interceptors.unit_of_work import Handler, Invoker
from raia_kit.metadata import CLIENT_ADDRESS, STATUS_DETAILS
from raia_kit.metrics import RPC_STREAMS

_HEALTH = "/grpc.health.v1.Health/"
_FOREVER = 1e8

if TYPE_CHECKING:
    # The published types of gRPC are generic where its classes are not.
    _RawHandler = grpc.RpcMethodHandler[Any, Any]
    _Interceptor = grpc.ServerInterceptor[Any, Any]
else:
    _RawHandler = grpc.RpcMethodHandler
    _Interceptor = grpc.ServerInterceptor


class StreamSlots:
    """Threads that streaming rpcs may hold at once, so that some are always left for the others."""

    def __init__(self, service: str, limit: int) -> None:
        self._free = threading.Semaphore(limit)
        self._gauge = RPC_STREAMS.labels(service)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Holds a slot; raises ``ResourceExhausted`` (TOO_MANY_STREAMS) at once when there is none."""
        if not self._free.acquire(blocking=False):
            raise ResourceExhausted(
                "as many streams as this process serves are open; try again", reason="TOO_MANY_STREAMS", retry_after=1.0
            )
        self._gauge.inc()
        try:
            yield
        finally:
            self._gauge.dec()
            self._free.release()


class Chain(_Interceptor):
    """Wraps each handler once: behaviour = stages, outermost first, around the invoker.

    An rpc without a contract is not served at all; standard health passes through as it is.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        invoker: Invoker,
        contracts: Mapping[str, MethodContract],
        *,
        streams: StreamSlots | None = None,
    ) -> None:
        """``stages`` outermost first; ``streams`` bounds the threads that streaming rpcs hold."""
        self._stages = tuple(stages)
        self._invoker = invoker
        self._streams = streams or StreamSlots("", 1 << 30)
        self._contracts = dict(contracts)
        self._wrapped: dict[str, _RawHandler] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _RawHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _RawHandler | None:
        """The wrapped handler of the method; None, which gRPC answers with UNIMPLEMENTED, when there is none."""
        name = handler_call_details.method
        known = self._wrapped.get(name)
        if known is not None:
            return known
        handler = continuation(handler_call_details)
        if handler is None or name.startswith(_HEALTH):
            return handler
        contract = self._contracts.get(name)
        if contract is None:
            return None
        return self._wrapped.setdefault(name, self._wrap(contract, handler))

    def _wrap(self, contract: MethodContract, handler: _RawHandler) -> _RawHandler:
        request_class: type[Message] = GetMessageClass(contract.descriptor.input_type)
        if not contract.response_streaming:
            inner = cast(Handler, handler.stream_unary if contract.request_streaming else handler.unary_unary)

            def one_answer(argument: Any, context: grpc.ServicerContext) -> bytes:
                return self._answer(contract, request_class, inner, argument, context)

            if contract.request_streaming:
                return grpc.stream_unary_rpc_method_handler(one_answer)
            return grpc.unary_unary_rpc_method_handler(one_answer)
        streaming = cast(Handler, handler.stream_stream if contract.request_streaming else handler.unary_stream)

        def many_answers(argument: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
            return _Steps(self._answers(contract, request_class, streaming, argument, context))

        if contract.request_streaming:
            return grpc.stream_stream_rpc_method_handler(many_answers)
        return grpc.unary_stream_rpc_method_handler(many_answers)

    def _answer(
        self, contract: MethodContract, request_class: type[Message], handler: Handler, argument: Any, context: Any
    ) -> bytes:
        call = begin(contract, context, None if contract.request_streaming else (request_class, argument))
        with serving(call):
            try:
                with ExitStack() as stack:
                    for stage in self._stages:
                        stack.enter_context(stage(call))
                    if contract.request_streaming:
                        stack.enter_context(self._streams.taken())
                        requests = self._invoker.requests_of(call, argument, request_class)
                        data = self._invoker.request_stream(call, handler, requests, context)
                    else:
                        data = self._invoker.unary(call, handler, context)
            except Refused as refused:
                refuse(context, call, refused)
            context.set_trailing_metadata(tuple(call.trailers.items()))
            return data

    def _answers(
        self, contract: MethodContract, request_class: type[Message], handler: Handler, argument: Any, context: Any
    ) -> Generator[bytes, None, None]:
        call = begin(contract, context, None if contract.request_streaming else (request_class, argument))
        with serving(call):
            try:
                with ExitStack() as stack:
                    for stage in self._stages:
                        stack.enter_context(stage(call))
                    stack.enter_context(self._streams.taken())
                    given: Any = call.request
                    if contract.request_streaming:
                        given = self._invoker.requests_of(call, argument, request_class)
                    yield from self._invoker.answer_stream(call, handler, given, context)
            except Refused as refused:
                refuse(context, call, refused)
            context.set_trailing_metadata(tuple(call.trailers.items()))


class _Steps(Iterator[bytes]):
    """Runs every step of a stream, and its end, in one context, whichever thread gRPC takes for it."""

    def __init__(self, steps: Generator[bytes, None, None]) -> None:
        self._steps = steps
        self._context = copy_context()

    def __next__(self) -> bytes:
        return self._context.run(next, self._steps)

    def __del__(self) -> None:
        # gRPC drops the iterator of a call whose client has gone without closing it.
        self._context.run(self._steps.close)


def begin(contract: MethodContract, context: grpc.ServicerContext, request: tuple[type[Message], bytes] | None) -> Call:
    """The call as it came in, before any stage; a request that is malformed is refused by the validation stage."""
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    remaining = context.time_remaining()
    peer = context.peer()
    call = Call(
        method=contract,
        request_id="",
        correlation_id="",
        metadata=metadata,
        peer=peer,
        deadline=time.monotonic() + remaining if remaining is not None and remaining < _FOREVER else None,
        client_address=client_address(peer, metadata.get(CLIENT_ADDRESS, "")),
        is_active=context.is_active,
    )
    if request is not None:
        try:
            call.request = parse(*request)
        except InvalidArgument as error:
            call.malformed = error
    return call


def refuse(context: grpc.ServicerContext, call: Call, refused: Refused) -> None:
    """Answers with the status; never returns."""
    status = refused.status
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    context.set_trailing_metadata((*call.trailers.items(), (STATUS_DETAILS, status.SerializeToString())))
    context.abort(code, status.message)


@lru_cache(maxsize=4096)
def client_address(peer: str, forwarded: str) -> str:
    """The address of the user's client: what the gateway forwarded, if the peer is inside the platform's network."""
    address = unquote(peer.partition(":")[2].rpartition(":")[0]).strip("[]") if peer.startswith("ip") else ""
    try:
        inside = not address or ipaddress.ip_address(address).is_private
        return str(ipaddress.ip_address(forwarded)) if forwarded and inside else address
    except ValueError:
        return address
