"""Errors that know no transport: a kind, a reason from the package's error_reason.proto, metadata, field violations."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What went wrong, in general; ``raia_kit.status`` maps each kind to a gRPC code and the gateway to HTTP."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FAILED_PRECONDITION = "failed_precondition"
    ABORTED = "aborted"
    OUT_OF_RANGE = "out_of_range"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    CANCELLED = "cancelled"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    UNIMPLEMENTED = "unimplemented"
    INTERNAL = "internal"


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request that breaks a rule, and how to mend it."""

    field: str
    description: str


class RaiaError(Exception):
    """Base of every error that a caller may see.

    ``message`` is shown to the caller, so it names the fault and the fix and holds no secret. ``reason`` is a value of
    an ``ErrorReason`` enum of a contract. ``metadata`` holds the values that the message mentions.
    """

    kind = Kind.INTERNAL
    domain = "raia"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after


class InvalidArgument(RaiaError):
    """The request is wrong whatever the state of the platform."""

    kind = Kind.INVALID_ARGUMENT

    @classmethod
    def of_field(cls, field: str, description: str, *, reason: str = "INVALID_FIELD") -> "InvalidArgument":
        """One field is wrong; ``description`` says how to mend it."""
        return cls(f"{field}: {description}", reason=reason, violations=[FieldViolation(field, description)])


class Unauthenticated(RaiaError):
    """No token, or one that does not hold."""

    kind = Kind.UNAUTHENTICATED


class PermissionDenied(RaiaError):
    """The caller is known but may not do this."""

    kind = Kind.PERMISSION_DENIED


class NotFound(RaiaError):
    """Absent, another tenant's, or in a restricted project: the caller cannot tell which."""

    kind = Kind.NOT_FOUND

    @classmethod
    def of(cls, resource_type: str, resource_id: object) -> "NotFound":
        """The resource of this type and id is not there for this caller."""
        return cls(
            f"{resource_type} {resource_id} was not found",
            reason="RESOURCE_NOT_FOUND",
            metadata={"resource_type": resource_type, "resource_id": str(resource_id)},
        )


class AlreadyExists(RaiaError):
    """A unique value is taken."""

    kind = Kind.ALREADY_EXISTS


class FailedPrecondition(RaiaError):
    """The state of the platform forbids it now; the message says what must change."""

    kind = Kind.FAILED_PRECONDITION


class Aborted(RaiaError):
    """Another call interfered (an etag, a running idempotency key); read again and retry."""

    kind = Kind.ABORTED


class OutOfRange(RaiaError):
    """A cursor, offset or byte range lies outside what exists."""

    kind = Kind.OUT_OF_RANGE


class ResourceExhausted(RaiaError):
    """A limit or quota is reached; ``retry_after`` (seconds) says when to try again, if ever."""

    kind = Kind.RESOURCE_EXHAUSTED


class Cancelled(RaiaError):
    """The work was cancelled on request."""

    kind = Kind.CANCELLED


class DeadlineExceeded(RaiaError):
    """The time allowed ran out."""

    kind = Kind.DEADLINE_EXCEEDED


def storage_full(error: BaseException) -> ResourceExhausted | None:
    """What a caller may see of an ``OSError`` for want of room on the disk; None for any other error."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted("storage is full; nothing was written", reason="STORAGE_FULL", retry_after=60.0)
    return None


class Unavailable(RaiaError):
    """Something needed is away; the same call may be repeated later."""

    kind = Kind.UNAVAILABLE


class Unimplemented(RaiaError):
    """The operation is not available in this installation."""

    kind = Kind.UNIMPLEMENTED
