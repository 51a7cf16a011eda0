"""The one table from kinds of errors to gRPC codes to HTTP statuses, and errors on their way out and in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from raia_kit import errors
from raia_kit.errors import FieldViolation, Kind, RaiaError
from raia_kit.metadata import STATUS_DETAILS

_CODES: dict[Kind, tuple[grpc.StatusCode, int, type[RaiaError]]] = {
    Kind.INVALID_ARGUMENT: (grpc.StatusCode.INVALID_ARGUMENT, 400, errors.InvalidArgument),
    Kind.UNAUTHENTICATED: (grpc.StatusCode.UNAUTHENTICATED, 401, errors.Unauthenticated),
    Kind.PERMISSION_DENIED: (grpc.StatusCode.PERMISSION_DENIED, 403, errors.PermissionDenied),
    Kind.NOT_FOUND: (grpc.StatusCode.NOT_FOUND, 404, errors.NotFound),
    Kind.ALREADY_EXISTS: (grpc.StatusCode.ALREADY_EXISTS, 409, errors.AlreadyExists),
    Kind.FAILED_PRECONDITION: (grpc.StatusCode.FAILED_PRECONDITION, 409, errors.FailedPrecondition),
    Kind.ABORTED: (grpc.StatusCode.ABORTED, 409, errors.Aborted),
    Kind.OUT_OF_RANGE: (grpc.StatusCode.OUT_OF_RANGE, 400, errors.OutOfRange),
    Kind.RESOURCE_EXHAUSTED: (grpc.StatusCode.RESOURCE_EXHAUSTED, 429, errors.ResourceExhausted),
    Kind.CANCELLED: (grpc.StatusCode.CANCELLED, 499, errors.Cancelled),
    Kind.DEADLINE_EXCEEDED: (grpc.StatusCode.DEADLINE_EXCEEDED, 504, errors.DeadlineExceeded),
    Kind.UNAVAILABLE: (grpc.StatusCode.UNAVAILABLE, 503, errors.Unavailable),
    Kind.UNIMPLEMENTED: (grpc.StatusCode.UNIMPLEMENTED, 501, errors.Unimplemented),
    Kind.INTERNAL: (grpc.StatusCode.INTERNAL, 500, RaiaError),
}

HTTP_STATUS: Mapping[grpc.StatusCode, int] = MappingProxyType(
    {code: http for code, http, _ in _CODES.values()}
    | {grpc.StatusCode.OK: 200, grpc.StatusCode.UNKNOWN: 500, grpc.StatusCode.DATA_LOSS: 500}
)
"""HTTP status by gRPC code, before ``HTTP_STATUS_BY_REASON``."""

HTTP_STATUS_BY_REASON: Mapping[str, int] = MappingProxyType(
    {
        "PAYLOAD_TOO_LARGE": 413,
        "UNSUPPORTED_MEDIA_TYPE": 415,
        "STORAGE_FULL": 507,
        "RANGE_INVALID": 416,
        "CURSOR_EXPIRED": 410,
        "ETAG_MISMATCH": 412,
        "IDEMPOTENCY_KEY_REUSED": 422,
    }
)
"""Reasons for which HTTP has a status that says more than the one of the gRPC code."""

_KINDS = {code: kind for kind, (code, _, _) in _CODES.items()}
_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

INTERNAL_MESSAGE = "an internal error occurred; quote the request id when you report it"
"""All that a caller learns of a fault that is ours."""
INTERNAL_REASON = "INTERNAL"
"""The reason that goes with it."""

_MESSAGE_BYTES = 600
_TEXT_BYTES = 300
_DETAILS_BYTES = 3600
"""Together, with the message sent a second time in percent-encoding, they stay below the 8 KiB that HTTP/2 peers allow
for trailers."""

_BARE: dict[Kind, tuple[str, str, float | None]] = {
    Kind.UNAVAILABLE: ("a service that is needed is away; try again", "SERVICE_UNAVAILABLE", 1.0),
    Kind.DEADLINE_EXCEEDED: ("the call took longer than it may", "DEADLINE_EXCEEDED", None),
    Kind.RESOURCE_EXHAUSTED: ("the service is busy; try again", "OVERLOADED", 1.0),
    Kind.CANCELLED: ("the call was cancelled", "CANCELLED", None),
    Kind.UNIMPLEMENTED: ("the operation is not available in this installation", "RPC_UNAVAILABLE", None),
}
"""What is said of an error that came without details, such as one that gRPC itself made."""


def grpc_code(kind: Kind) -> grpc.StatusCode:
    """The gRPC code of a kind of error."""
    return _CODES[kind][0]


def http_status(code: grpc.StatusCode | int, reason: str = "") -> int:
    """The HTTP status of a gRPC code (or its number) and the reason of its ErrorInfo."""
    if isinstance(code, int):
        code = _BY_NUMBER.get(code, grpc.StatusCode.UNKNOWN)
    return HTTP_STATUS_BY_REASON.get(reason) or HTTP_STATUS[code]


def as_raia_error(error: BaseException) -> RaiaError:
    """The error that a caller may see: the error itself, another service's passed on, or an internal one."""
    if isinstance(error, RaiaError):
        return error
    if isinstance(error, grpc.RpcError):
        return from_rpc_error(error)
    return errors.storage_full(error) or RaiaError(INTERNAL_MESSAGE, reason=INTERNAL_REASON)


def to_status(error: BaseException, *, service: str = "", request_id: str = "") -> status_pb2.Status:
    """The ``google.rpc.Status`` of an error: ErrorInfo, BadRequest, RetryInfo and RequestInfo where they apply.

    ``service`` gives the domain ``raia.<service>`` unless the error came with one. Anything but a ``RaiaError``, and
    any of kind INTERNAL, gets a constant text. Long texts are cut and violations and metadata that would not fit into
    trailers are left out, the last first.
    """
    raia = as_raia_error(error)
    internal = raia.kind is Kind.INTERNAL
    message = INTERNAL_MESSAGE if internal else _cut(raia.message, _MESSAGE_BYTES)
    status = status_pb2.Status(code=grpc_code(raia.kind).value[0], message=message)
    domain = raia.domain if raia.domain != "raia" or not service else f"raia.{service}"
    info = error_details_pb2.ErrorInfo(reason=INTERNAL_REASON if internal else raia.reason, domain=domain)
    details: list[Message] = [info]
    if raia.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(raia.retry_after * 1e9))
        details.append(retry)
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    if not internal:
        _fill(info, raia)
        if raia.violations:
            details.append(_bad_request(raia, _DETAILS_BYTES - info.ByteSize()))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _fill(info: error_details_pb2.ErrorInfo, error: RaiaError) -> None:
    for key, value in error.metadata.items():
        if info.ByteSize() > _DETAILS_BYTES // 2:
            break
        info.metadata[_cut(key, _TEXT_BYTES)] = _cut(str(value), _TEXT_BYTES)


def _bad_request(error: RaiaError, budget: int) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    for one in error.violations:
        if bad.ByteSize() + 2 * _TEXT_BYTES > budget:
            break
        bad.field_violations.add(field=_cut(one.field, _TEXT_BYTES), description=_cut(one.description, _TEXT_BYTES))
    return bad


def from_status(status: status_pb2.Status) -> RaiaError:
    """The error that a ``google.rpc.Status`` tells of; one without ErrorInfo keeps its kind and gets a general text."""
    kind = _KINDS.get(_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN), Kind.INTERNAL)
    info, violations, retry_after = error_details_pb2.ErrorInfo(), [], None
    for detail in status.details:
        bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Unpack(bad):
            violations = [FieldViolation(one.field, one.description) for one in bad.field_violations]
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
    if not info.reason or kind is Kind.INTERNAL:
        return _bare(kind)
    error = _CODES[kind][2](
        status.message,
        reason=info.reason,
        metadata=dict(info.metadata),
        violations=violations,
        retry_after=retry_after,
    )
    error.domain = info.domain or "raia"
    return error


def from_rpc_error(error: grpc.RpcError) -> RaiaError:
    """Another service's error, to be passed on: kind, reason, domain, metadata and violations are kept.

    An error without details (a connection that failed, a limit of gRPC) becomes one with a general text, because its
    own text may name hosts; an internal error stays internal and loses its text.
    """
    call: Any = error  # every error of a client call is a grpc.Call too, which its type does not say
    if not isinstance(call, grpc.Call):
        return _bare(Kind.CANCELLED)
    for key, value in call.trailing_metadata() or ():
        if key == STATUS_DETAILS and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return _bare(_KINDS.get(call.code(), Kind.INTERNAL))


def _bare(kind: Kind) -> RaiaError:
    message, reason, retry_after = _BARE.get(kind, (INTERNAL_MESSAGE, INTERNAL_REASON, None))
    if kind not in _BARE:
        kind = Kind.INTERNAL
    return _CODES[kind][2](message, reason=reason, retry_after=retry_after)


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    return text if len(data) <= limit else data[: limit - 3].decode(errors="ignore") + "…"
