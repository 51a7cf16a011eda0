"""Calls from the gateway to the services: one channel each, deadlines, and what every call carries."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from raia_kit.channels import LARGEST_MESSAGE
from raia_kit.contract import MethodContract
from raia_kit.metadata import AUTHORIZATION, CLIENT_ADDRESS, CORRELATION_ID, IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT

from raia_gateway.errors import MalformedRequest
from raia_gateway.exchange import Exchange

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_SECONDS = re.compile(r"\d{1,5}(?:\.\d{1,6})?\Z", re.ASCII)
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z", re.ASCII)

LocalHandler = Callable[[Message, Exchange], Awaitable[Message]]
"""Serves an rpc of the gateway's own contracts in this process."""


class Upstream:
    """Channels and multi-callables by rpc; used on the event loop alone."""

    def __init__(self, services: Mapping[str, str], contracts: Iterable[MethodContract]) -> None:
        repeatable = [contract for contract in contracts if contract.idempotent and not contract.request_streaming]
        self._options = _channel_options(repeatable)
        self._addresses = dict(services)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._upload_channels: dict[str, grpc.Channel] = {}

    def channel(self, service: str) -> grpc.aio.Channel:
        """The service's channel, opened when first asked for."""
        if service not in self._channels:
            self._channels[service] = grpc.aio.insecure_channel(self._addresses[service], options=self._options)
        return self._channels[service]

    def callable(self, contract: MethodContract) -> Any:
        """gRPC's multi-callable for an rpc with one request."""
        channel = self.channel(contract.service)
        kinds = {
            False: channel.unary_unary,
            True: channel.unary_stream,
        }
        make: Any = kinds[contract.response_streaming]
        answer = GetMessageClass(contract.descriptor.output_type)
        return make(
            contract.full_name,
            request_serializer=GetMessageClass(contract.descriptor.input_type).SerializeToString,
            response_deserializer=answer.FromString,
        )

    def uploader(self, contract: MethodContract) -> Any:
        """The synchronous multi-callable of an rpc that takes a stream; see ``request_stream``."""
        service = contract.service
        if service not in self._upload_channels:
            self._upload_channels[service] = grpc.insecure_channel(self._addresses[service], options=self._options)
        return self._upload_channels[service].stream_unary(
            contract.full_name,
            request_serializer=GetMessageClass(contract.descriptor.input_type).SerializeToString,
            response_deserializer=GetMessageClass(contract.descriptor.output_type).FromString,
        )

    async def close(self) -> None:
        """Ends running calls and closes every channel."""
        for upload_channel in self._upload_channels.values():
            upload_channel.close()
        self._upload_channels.clear()
        for channel in self._channels.values():
            await channel.close(None)
        self._channels.clear()


def _channel_options(repeatable: list[MethodContract]) -> list[tuple[str, Any]]:
    """Only what a contract calls idempotent is repeated, and only when the service could not be reached."""
    names = [
        {"service": contract.descriptor.containing_service.full_name, "method": contract.descriptor.name}
        for contract in repeatable
    ]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.1},
    }
    if names:
        config["methodConfig"] = [{"name": names, "retryPolicy": policy}]
    return [
        ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
    ]


def call_metadata(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """What a call for this request carries: token, ids, trace, the client's address and idempotency key."""
    carried = [(REQUEST_ID, exchange.request_id), (TRACEPARENT, exchange.traceparent)]
    headers = exchange.headers
    if b"authorization" in headers:
        carried.append((AUTHORIZATION, exchange.header(b"authorization")))
    address = exchange.client_address
    if address:
        carried.append((CLIENT_ADDRESS, address))
    correlation = exchange.header(b"x-correlation-id")
    if correlation and _WELL_FORMED.match(correlation):
        carried.append((CORRELATION_ID, correlation))
    key = exchange.header(b"idempotency-key")
    if key:
        if not _KEY.match(key):
            raise MalformedRequest("Idempotency-Key must be 1 to 255 printable characters without spaces")
        carried.append((IDEMPOTENCY_KEY, key))
    return tuple(carried)


def call_timeout(exchange: Exchange, contract: MethodContract) -> float:
    """Seconds that the call may take: the contract's, or fewer if the client says so in ``Request-Timeout``."""
    asked = exchange.header(b"request-timeout")
    if not asked:
        return contract.timeout
    if not _SECONDS.match(asked) or float(asked) <= 0:
        raise MalformedRequest("Request-Timeout must be a number of seconds above 0")
    return min(float(asked), contract.timeout)
