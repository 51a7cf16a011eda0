"""Errors on their way out and in."""

import errno
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st
from raia_kit import errors
from raia_kit.errors import FieldViolation, InvalidArgument, Kind, NotFound, RaiaError, ResourceExhausted
from raia_kit.status import (
    HTTP_STATUS,
    INTERNAL_MESSAGE,
    as_raia_error,
    from_rpc_error,
    from_status,
    grpc_code,
    http_status,
    to_status,
)

pytestmark = pytest.mark.fast


def all_errors() -> list[type[RaiaError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, RaiaError)]


def test_a_full_disk_is_told_and_other_faults_are_not() -> None:
    full = as_raia_error(OSError(errno.ENOSPC, "/secret"))
    assert (full.kind, full.reason, full.message) == (
        Kind.RESOURCE_EXHAUSTED, "STORAGE_FULL", "storage is full; nothing was written",
    )  # fmt: skip
    assert as_raia_error(OSError(errno.EACCES, "/secret")).kind is Kind.INTERNAL


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_code_and_a_status(kind: Kind) -> None:
    assert 400 <= HTTP_STATUS[grpc_code(kind)] < 600


@pytest.mark.parametrize("code", grpc.StatusCode)
def test_every_code_has_an_http_status(code: grpc.StatusCode) -> None:
    assert 200 <= http_status(code) < 600
    assert http_status(code.value[0]) == http_status(code)


def test_some_reasons_have_a_status_of_their_own() -> None:
    assert http_status(grpc.StatusCode.INVALID_ARGUMENT, "PAYLOAD_TOO_LARGE") == 413
    assert http_status(grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE") == 415
    assert http_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL") == 507
    assert http_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED") == 429
    assert http_status(99) == 500


TEXT = st.text(max_size=60)


@given(
    st.sampled_from([one for one in all_errors() if one.kind is not Kind.INTERNAL]),
    TEXT.filter(bool),
    st.dictionaries(TEXT, TEXT, max_size=5),
    st.lists(st.builds(FieldViolation, TEXT, TEXT), max_size=5),
    st.none() | st.integers(0, 10**6).map(lambda milliseconds: milliseconds / 1000),
)
def test_an_error_survives_the_way_to_another_service(
    kind: type[RaiaError], message: str, metadata: Any, violations: Any, retry_after: float | None
) -> None:
    error = kind(message, reason="SOME_REASON", metadata=metadata, violations=violations, retry_after=retry_after)
    found = from_status(to_status(error, service="ingest", request_id="r"))
    assert type(found) is kind
    assert (found.message, found.reason, found.domain) == (message, "SOME_REASON", "raia.ingest")
    assert (found.metadata, list(found.violations), found.retry_after) == (metadata, violations, retry_after)
    # A third service passes it on under the first one's domain.
    info = error_details_pb2.ErrorInfo()
    to_status(found, service="gateway").details[0].Unpack(info)
    assert info.domain == "raia.ingest"


@pytest.mark.parametrize("error", [ValueError("password=x"), RaiaError("password=x", reason="SECRET")])
def test_internal_errors_say_nothing(error: Exception) -> None:
    status = to_status(error, service="ingest", request_id="r-1")
    assert status.message == INTERNAL_MESSAGE
    assert b"password" not in status.SerializeToString()
    request = error_details_pb2.RequestInfo()
    assert any(detail.Unpack(request) for detail in status.details)
    assert request.request_id == "r-1"
    assert from_status(status).kind is Kind.INTERNAL


@pytest.mark.parametrize("letter", ["m", "語"])
def test_a_status_fits_into_trailers(letter: str) -> None:
    long = [FieldViolation("f" * 1000, letter * 1000)] * 1000
    metadata = {str(i): letter * 1000 for i in range(100)}
    error = InvalidArgument(letter * 10_000, reason="INVALID_FIELD", violations=long, metadata=metadata)
    status = to_status(error, request_id="r" * 128)
    # Binary trailers travel as base64, the message once more in percent-encoding.
    assert len(status.SerializeToString()) * 4 / 3 + len(quote(status.message)) < 7800
    found = from_status(status)
    assert len(found.violations) > 1
    assert len(found.metadata) > 1


class Failure(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    """What a stub raises."""

    def __init__(self, code: grpc.StatusCode, details: str, trailers: Any = ()) -> None:
        self._facts = code, details, trailers

    def code(self) -> Any:
        return self._facts[0]

    def details(self) -> Any:
        return self._facts[1]

    def trailing_metadata(self) -> Any:
        return self._facts[2]

    add_callback = cancel = initial_metadata = is_active = time_remaining = None


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Kind.UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Kind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Kind.RESOURCE_EXHAUSTED, "OVERLOADED"),
        (grpc.StatusCode.UNKNOWN, Kind.INTERNAL, "INTERNAL"),
        (grpc.StatusCode.NOT_FOUND, Kind.INTERNAL, "INTERNAL"),
    ],
)
def test_an_error_without_details_loses_its_text(code: grpc.StatusCode, kind: Kind, reason: str) -> None:
    error = from_rpc_error(Failure(code, "failed to connect to ipv4:10.0.0.1:7000"))
    assert (error.kind, error.reason) == (kind, reason)
    assert "10.0.0.1" not in error.message
    broken = Failure(code, "x", [("grpc-status-details-bin", b"\xff\xff")])
    assert from_rpc_error(broken).kind is kind


def test_what_another_service_refused_is_passed_on() -> None:
    data = to_status(NotFound.of("dataset", "1"), service="ingest").SerializeToString()
    failure = Failure(grpc.StatusCode.NOT_FOUND, "", [("other", "x"), ("grpc-status-details-bin", data)])
    error = as_raia_error(failure)
    assert isinstance(error, NotFound)
    assert (error.reason, error.domain) == ("RESOURCE_NOT_FOUND", "raia.ingest")


def test_a_cancelled_request_stream_is_a_cancellation() -> None:
    assert as_raia_error(grpc.RpcError()).kind is Kind.CANCELLED


def test_a_foreign_status_without_error_info_keeps_only_what_is_known() -> None:
    assert from_status(status_pb2.Status(code=14, message="host db-1 away")).reason == "SERVICE_UNAVAILABLE"
    assert isinstance(from_status(status_pb2.Status(code=8)), ResourceExhausted)
    assert from_status(status_pb2.Status(code=77)).kind is Kind.INTERNAL
