"""Calls to other services: deadlines, tokens and traces passed on, bounded retries, a circuit breaker each."""

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from raia_kit.breaker import CircuitBreaker, RetryBudget
from raia_kit.context import current_call_or_none
from raia_kit.contract import MethodContract, all_methods
from raia_kit.errors import Cancelled, DeadlineExceeded, RaiaError, Unavailable
from raia_kit.metadata import (
    AUTHORIZATION,
    CLIENT_ADDRESS,
    CORRELATION_ID,
    IDEMPOTENCY_KEY,
    REQUEST_ID,
    STATUS_DETAILS,
    TRACEPARENT,
)
from raia_kit.settings import ServiceSettings
from raia_kit.status import from_rpc_error
from raia_kit.tracing import current_traceparent

S = TypeVar("S")
Metadata = Sequence[tuple[str, str | bytes]]

LARGEST_MESSAGE = 4 * 1024**2
"""Bytes of a unary message, in either direction."""
_ATTEMPTS = 4
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0
_DEFAULT_TIMEOUT = 30.0
_SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
_OPTIONS = [
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.enable_retries", 0),  # retries are made here, where the contract says what may be repeated
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]


@cache
def _contracts() -> Mapping[str, MethodContract]:
    return {method.full_name: method for method in all_methods()}


class ServiceChannels:
    """One channel per service, opened when first used; safe to share between threads."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._addresses = dict(settings.services)
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()
        self._closed = False

    def stub(self, stub_class: Callable[[Any], S], service: str, token: str | None = None) -> S:
        """A stub of ``service``. Its calls

        - carry ``token``, else the token of the current call's caller; none when ``token`` is empty,
        - end by the current call's deadline, the contract's timeout or the one given, whichever comes first,
        - carry the trace, the request and correlation ids, and a key derived from the current idempotency key,
        - are repeated when the service could not be reached and the contract says that they may be,
        - raise ``RaiaError``: the service's own, or ``Unavailable`` and ``DeadlineExceeded``.

        Of the ways to call, only the plain one and ``with_call`` do so. Raises ``Unavailable``
        (SERVICE_NOT_CONFIGURED) when the settings name no address for the service.
        """
        return stub_class(_BoundChannel(self._link(service), token))

    def channel(self, service: str) -> grpc.Channel:
        """The bare channel, for what is no rpc of a contract (health, reflection)."""
        return self._link(service).channel

    def state(self, service: str) -> str:
        """The state of the service's circuit breaker: ``closed``, ``open`` or ``half_open``."""
        return self._link(service).breaker.state

    def close(self) -> None:
        """Ends running calls and closes every channel."""
        with self._lock:
            self._closed = True
            links = list(self._links.values())
            self._links.clear()
        for link in links:
            link.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _link(self, service: str) -> "_Link":
        with self._lock:
            if service not in self._links:
                address = self._addresses.get(service)
                if not address or self._closed:
                    raise Unavailable(
                        f"the {service} service is not part of this installation",
                        reason="SERVICE_NOT_CONFIGURED",
                        metadata={"service": service},
                    )
                self._links[service] = _Link(service, address)
            return self._links[service]


class _Link:
    """What is shared by all calls to one service."""

    def __init__(self, service: str, address: str) -> None:
        self.service = service
        self.channel: grpc.Channel = grpc.insecure_channel(address, options=_OPTIONS)
        self.breaker = CircuitBreaker(service)
        self.budget = RetryBudget()
        self._callables: dict[str, Any] = {}

    def callable(self, kind: str, method: str, *arguments: Any, **options: Any) -> Any:
        """gRPC's multi-callable of the method; made once."""
        found = self._callables.get(method)
        if found is None:
            found = self._callables[method] = getattr(self.channel, kind)(method, *arguments, **options)
        return found


class _BoundChannel(grpc.Channel):
    """A service's channel as one stub sees it, with the token of its calls."""

    def __init__(self, link: _Link, token: str | None) -> None:
        self._link, self._token = link, token

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _UnaryCall(self._link, self._token, method, self._raw("unary_unary", method, *arguments, **options))

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _UnaryCall(self._link, self._token, method, self._raw("stream_unary", method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _StreamCall(self._link, self._token, method, self._raw("unary_stream", method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _StreamCall(self._link, self._token, method, self._raw("stream_stream", method, *arguments, **options))

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False) -> None:
        self._link.channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._link.channel.unsubscribe(callback)

    def close(self) -> None:
        """Does nothing: the channel belongs to ``ServiceChannels``."""

    def _raw(self, kind: str, method: str, *arguments: Any, **options: Any) -> Any:
        return self._link.callable(kind, method, *arguments, **options)


class _Attempts:
    """The attempts of one call: how long they may take, what they carry and whether another may follow."""

    def __init__(self, link: _Link, token: str | None, method: str, request: Any, timeout: float | None) -> None:
        self._link = link
        self._contract = _contracts().get(method)
        self._call = current_call_or_none()
        self._repeatable = isinstance(request, Message) and self._contract is not None and self._contract.idempotent
        self._count = 0
        self._ticket = 0
        limit = self._contract.timeout if self._contract else _DEFAULT_TIMEOUT
        self._deadline = time.monotonic() + (limit if timeout is None else min(limit, timeout))
        if self._call is not None and self._call.deadline is not None:
            self._deadline = min(self._deadline, self._call.deadline)
        self.metadata = self._headers(token, method, request)

    def begin(self) -> float:
        """Starts an attempt; returns the seconds it may take. Raises when it may not."""
        if self._call is not None and not self._call.is_active():
            raise Cancelled("the call was cancelled", reason="CANCELLED")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the call took longer than it may", reason="DEADLINE_EXCEEDED")
        self._ticket = self._link.breaker.admit()
        self._count += 1
        return left

    def succeeded(self) -> None:
        """The service answered."""
        self._link.breaker.succeeded(self._ticket)
        self._link.budget.earn()

    def abandoned(self) -> None:
        """Nobody waits for the answer any more."""
        self._link.breaker.abandoned(self._ticket)

    def failed(self, error: grpc.RpcError) -> None:
        """Returns when the attempt may be repeated, after the pause before it; raises the caller's error if not."""
        told = from_rpc_error(error)
        code, answered = _outcome(error)
        if code is grpc.StatusCode.CANCELLED and not answered:
            self._link.breaker.abandoned(self._ticket)
        elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) and not answered:
            self._link.breaker.failed(self._ticket)
        else:
            self._link.breaker.succeeded(self._ticket)
        if code is not grpc.StatusCode.UNAVAILABLE or not self._wait(told):
            raise told from error

    def _wait(self, error: RaiaError) -> bool:
        if not self._repeatable or self._count >= _ATTEMPTS:
            return False
        ceiling = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (self._count - 1))
        delay = random.uniform(0, ceiling)  # noqa: S311 - full jitter, not a secret
        if error.reason != "SERVICE_UNAVAILABLE" and error.retry_after is not None:
            delay += error.retry_after  # the service said when; what it did not say is spread at random alone
        if delay > _LONGEST_DELAY * 2 or time.monotonic() + delay >= self._deadline or not self._link.budget.spend():
            return False
        threading.Event().wait(delay)
        return True

    def _headers(self, token: str | None, method: str, request: Any) -> list[tuple[str, str | bytes]]:
        call = self._call
        if token is None:
            token = call.caller.token if call is not None and call.caller is not None else ""
        headers = {AUTHORIZATION: f"Bearer {token}" if token else "", TRACEPARENT: current_traceparent()}
        if call is not None:
            headers[REQUEST_ID] = call.request_id
            headers[CORRELATION_ID] = call.correlation_id
            headers[CLIENT_ADDRESS] = call.client_address
            if (
                call.idempotency_key
                and isinstance(request, Message)
                and (not self._contract or self._contract.mutating)
            ):
                headers[IDEMPOTENCY_KEY] = derived_key(call.idempotency_key, method, request)
        return [(name, value) for name, value in headers.items() if value]


def derived_key(key: str, method: str, request: Message) -> str:
    """The idempotency key of a call onward: the same when the first call is repeated, another for another request."""
    digest = hashlib.sha256()
    for part in (key.encode(), method.encode(), request.SerializeToString(deterministic=True)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _outcome(error: grpc.RpcError) -> tuple[grpc.StatusCode, bool]:
    """The code, and whether the service itself gave it: then it is not away, whatever it says."""
    call: Any = error  # every error of a call is a grpc.Call too, which its type does not say
    if not isinstance(call, grpc.Call):
        return grpc.StatusCode.CANCELLED, False
    return call.code(), any(key == STATUS_DETAILS for key, _ in call.trailing_metadata() or ())


class _UnaryCall:
    """Calls an rpc with one answer."""

    def __init__(self, link: _Link, token: str | None, method: str, raw: Any) -> None:
        self._link, self._token, self._method, self._raw = link, token, method, raw

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Metadata | None = None, **options: Any
    ) -> Any:
        return self.with_call(request, timeout, metadata, **options)[0]

    def with_call(
        self, request: Any, timeout: float | None = None, metadata: Metadata | None = None, **options: Any
    ) -> tuple[Any, grpc.Call]:
        """The answer and gRPC's call, for its trailers."""
        attempts = _Attempts(self._link, self._token, self._method, request, timeout)
        headers = _joined(attempts.metadata, metadata)
        while True:
            left = attempts.begin()
            try:
                answer, call = self._raw.with_call(request, timeout=left, metadata=headers, **options)
            except grpc.RpcError as error:
                attempts.failed(error)
                continue
            except BaseException:
                attempts.abandoned()
                raise
            attempts.succeeded()
            return answer, call


class _StreamCall:
    """Calls an rpc with a stream of answers."""

    def __init__(self, link: _Link, token: str | None, method: str, raw: Any) -> None:
        self._link, self._token, self._method, self._raw = link, token, method, raw

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Metadata | None = None, **options: Any
    ) -> "_Answers":
        attempts = _Attempts(self._link, self._token, self._method, request, timeout)
        headers = _joined(attempts.metadata, metadata)
        return _Answers(attempts, lambda left: self._raw(request, timeout=left, metadata=headers, **options))


class _Answers:
    """The answers of a stream; before the first has come the call may be repeated."""

    def __init__(self, attempts: _Attempts, start: Callable[[float], Any]) -> None:
        self._attempts, self._start = attempts, start
        self._reached = False
        self._call = start(attempts.begin())

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                answer = next(self._call)
            except StopIteration:
                self._arrived()
                raise
            except grpc.RpcError as error:
                if self._reached:
                    raise from_rpc_error(error) from error
                self._attempts.failed(error)
                self._call = self._start(self._attempts.begin())
                continue
            self._arrived()
            return answer

    def _arrived(self) -> None:
        if not self._reached:
            self._reached = True
            self._attempts.succeeded()

    def cancel(self) -> bool:
        """Ends the stream; the service sees it cancelled."""
        if not self._reached:
            self._attempts.abandoned()
        cancelled: bool = self._call.cancel()
        return cancelled

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


def _joined(ours: Sequence[tuple[str, str | bytes]], given: Metadata | None) -> list[tuple[str, str | bytes]]:
    """What the caller gives wins over what is passed on."""
    names = {name for name, _ in given or ()}
    return [*((name, value) for name, value in ours if name not in names), *(given or ())]
