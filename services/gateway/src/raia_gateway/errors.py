"""The gateway's own errors, and every error's way to a REST answer: ``google.rpc.Status`` as JSON."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc
import orjson
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from raia_kit.errors import DeadlineExceeded, FieldViolation, InvalidArgument, NotFound, RaiaError, Unimplemented
from raia_kit.metadata import STATUS_DETAILS
from raia_kit.status import as_raia_error, from_status, http_status, to_status

from raia_gateway.asgi import Header
from raia_gateway.json_codec import CodecError, encode_message

_HTTP_BY_REASON = {
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "BODY_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RANGE_INVALID": 416,
    "UPGRADE_REQUIRED": 426,
    "HEAD_TOO_LARGE": 431,
}
"""Statuses of the gateway's own errors that no gRPC code stands for."""

JSON = b"application/json"
"""The content type of answers."""


class RouteNotFound(NotFound):
    """No rpc is bound to the path."""

    domain = "raia.gateway"

    def __init__(self, path: str) -> None:
        super().__init__(f"there is nothing at {path[:200]}", reason="ROUTE_NOT_FOUND", metadata={"path": path[:200]})


class MethodNotAllowed(Unimplemented):
    """The path exists, but not for this method."""

    domain = "raia.gateway"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        listed = ", ".join(self.allowed)
        super().__init__(
            f"{method[:20]} is not possible here; use {listed}",
            reason="METHOD_NOT_ALLOWED",
            metadata={"allowed": listed},
        )


class UpgradeRequired(Unimplemented):
    """The path is a WebSocket's, and the request does not ask for one."""

    domain = "raia.gateway"

    def __init__(self) -> None:
        super().__init__("this is a WebSocket; ask for an upgrade", reason="UPGRADE_REQUIRED")


class UnsupportedMediaType(InvalidArgument):
    """The body's content type or encoding is none that the route reads."""

    domain = "raia.gateway"

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(
            f"the body is {found[:100] or 'of no stated type'}; send {expected}",
            reason="UNSUPPORTED_MEDIA_TYPE",
            metadata={"found": found[:100], "expected": expected},
        )


class PayloadTooLarge(InvalidArgument):
    """The body is larger than the route reads."""

    domain = "raia.gateway"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the body is larger than {limit} bytes",
            reason="PAYLOAD_TOO_LARGE",
            metadata={"limit_bytes": str(limit)},
        )


class NotAcceptable(InvalidArgument):
    """The route cannot answer in any type that the client accepts."""

    domain = "raia.gateway"

    def __init__(self, offered: str) -> None:
        super().__init__(f"this route answers {offered}", reason="NOT_ACCEPTABLE", metadata={"offered": offered})


class BodyTimeout(DeadlineExceeded):
    """The client stopped sending in the middle of its body."""

    domain = "raia.gateway"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing of the body came for {seconds:g} s", reason="BODY_TIMEOUT")


class HeadTooLarge(InvalidArgument):
    """Request line and headers are larger than any request needs."""

    domain = "raia.gateway"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the address and the headers are larger than {limit} bytes",
            reason="HEAD_TOO_LARGE",
            metadata={"limit_bytes": str(limit)},
        )


class MalformedRequest(InvalidArgument):
    """The request is not what its content type or the protocol says."""

    domain = "raia.gateway"

    def __init__(self, message: str, reason: str = "MALFORMED_REQUEST") -> None:
        super().__init__(message, reason=reason)


def invalid_field(error: CodecError, place: str = "") -> InvalidArgument:
    """The error for a value that does not fit its field; ``place`` names it when the codec's path is empty."""
    path = error.path or place
    if not path:
        return MalformedRequest(f"the body is {error.description}", reason="MALFORMED_BODY")
    result = InvalidArgument(
        f"{path}: {error.description}", reason="INVALID_FIELD", violations=[FieldViolation(path, error.description)]
    )
    result.domain = "raia.gateway"
    return result


@dataclass(frozen=True)
class ErrorAnswer:
    """An error as it goes out."""

    http: int
    status: status_pb2.Status
    headers: list[Header]

    @property
    def document(self) -> dict[str, object]:
        """The status as a JSON object."""
        document: dict[str, object] = encode_message(self.status)
        return document

    @property
    def body(self) -> bytes:
        """The status as JSON."""
        return orjson.dumps(self.document)


def answer(error: BaseException, request_id: str) -> ErrorAnswer:
    """The REST answer for an error: the gateway's own, one that a service sent, or an internal one."""
    sent = sent_status(error)
    if sent is not None:
        reason, retry_after = _facts(sent)
        http = http_status(sent.code, reason)
        return ErrorAnswer(http, sent, _headers(http, retry_after, error))
    raia = as_raia_error(error) if not isinstance(error, grpc.aio.AioRpcError) else _without_details(error)
    status = to_status(raia, service="gateway", request_id=request_id)
    http = _HTTP_BY_REASON.get(raia.reason) or http_status(status.code, raia.reason)
    return ErrorAnswer(http, status, _headers(http, raia.retry_after, error))


def sent_status(error: BaseException) -> status_pb2.Status | None:
    """The status that a service attached to its error, unchanged; None when there is none."""
    if not isinstance(error, grpc.aio.AioRpcError | grpc.Call):
        return None
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for key, value in trailers:
        if key == STATUS_DETAILS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def _without_details(error: grpc.aio.AioRpcError) -> RaiaError:
    """An error that gRPC itself made, such as a refused connection; its own text may name hosts."""
    return from_status(status_pb2.Status(code=error.code().value[0]))


def _facts(status: status_pb2.Status) -> tuple[str, float | None]:
    info, retry, retry_after = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), None
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
    return info.reason, retry_after


def _headers(http: int, retry_after: float | None, error: BaseException) -> list[Header]:
    headers: list[Header] = []
    if retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(retry_after))).encode()))
    elif http == 503:
        headers.append((b"retry-after", b"1"))
    if http == 401:
        headers.append((b"www-authenticate", b'Bearer realm="raia"'))
    if isinstance(error, UpgradeRequired):
        headers.append((b"upgrade", b"websocket"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    return headers
