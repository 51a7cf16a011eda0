"""The errors of this service, each with its reason from error_reason.proto."""

from uuid import UUID

from raia_kit.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "raia.auth"


class InvalidCredentials(Unauthenticated):
    """The address is unknown or the password is wrong; which of the two is not said."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong", reason="INVALID_CREDENTIALS")


class AccountLocked(ResourceExhausted):
    """Too many failed sign-ins, for this account or from this network address."""

    domain = DOMAIN

    def __init__(self, seconds: float) -> None:
        whole = max(1, round(seconds))
        super().__init__(
            f"too many failed sign-ins; try again in {whole} seconds",
            reason="ACCOUNT_LOCKED",
            metadata={"retry_after_seconds": str(whole)},
            retry_after=float(whole),
        )


class AccountInactive(PermissionDenied):
    """The user was deactivated in this organisation."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("this account was deactivated; ask an administrator", reason="ACCOUNT_INACTIVE")


class NotAMember(PermissionDenied):
    """The user is no member of the organisation named at sign-in."""

    domain = DOMAIN

    def __init__(self, organisation: str) -> None:
        super().__init__(
            "you are no member of this organisation", reason="NOT_A_MEMBER", metadata={"organisation": organisation}
        )


class EmailTaken(AlreadyExists):
    """A user with this address exists."""

    domain = DOMAIN

    def __init__(self, email: str) -> None:
        super().__init__("a user with this address exists", reason="EMAIL_TAKEN", metadata={"email": email})


class PasswordWeak(InvalidArgument):
    """The new password breaks a rule; the description says which."""

    domain = DOMAIN

    def __init__(self, description: str, *, field: str, minimum_length: int) -> None:
        super().__init__(
            f"{field}: {description}",
            reason="PASSWORD_WEAK",
            metadata={"minimum_length": str(minimum_length)},
            violations=[FieldViolation(field, description)],
        )


class PasswordWrong(InvalidArgument):
    """The current password is wrong."""

    domain = DOMAIN

    def __init__(self) -> None:
        description = "is wrong"
        super().__init__(
            f"current_password: {description}",
            reason="PASSWORD_WRONG",
            violations=[FieldViolation("current_password", description)],
        )


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is unknown, expired or its session has ended."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("the session has ended; sign in again", reason="REFRESH_TOKEN_INVALID")


class RefreshTokenReused(Unauthenticated):
    """The refresh token was used before, so its whole session was ended."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__(
            "this refresh token was used before, so its session was ended; sign in again", reason="REFRESH_TOKEN_REUSED"
        )


class SessionRequired(Unauthenticated):
    """The call needs a user's own session, not a token by which a service acts."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("this call needs the token of a user's own session", reason="SESSION_REQUIRED")


class LastAdmin(FailedPrecondition):
    """The change would leave the organisation without an active admin."""

    domain = DOMAIN

    def __init__(self, user_id: UUID) -> None:
        super().__init__(
            "the organisation's last active admin stays one; make somebody else admin first",
            reason="LAST_ADMIN",
            metadata={"user_id": str(user_id)},
        )


class EtagMismatch(Aborted):
    """The user changed since the etag that the request carries."""

    domain = DOMAIN

    def __init__(self, etag: str) -> None:
        super().__init__(
            "the user has changed meanwhile; read it again and retry", reason="ETAG_MISMATCH", metadata={"etag": etag}
        )


class ScopeNotAllowed(PermissionDenied):
    """The service asked for a permission that no contract lists for its jobs."""

    domain = DOMAIN

    def __init__(self, service: str, permission: str) -> None:
        super().__init__(
            f"no contract lets jobs of {service} use {permission}",
            reason="SCOPE_NOT_ALLOWED",
            metadata={"service": service, "permission": permission},
        )


class AssertionRequired(Unauthenticated):
    """The call needs a service's own assertion as its token."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("this call needs a service's own assertion as its token", reason="ASSERTION_REQUIRED")


class SubjectInactive(PermissionDenied):
    """The user to act for is no active member of the organisation."""

    domain = DOMAIN

    def __init__(self, user_id: UUID | str) -> None:
        super().__init__(
            "the user to act for is no active member of the organisation",
            reason="SUBJECT_INACTIVE",
            metadata={"user_id": str(user_id)},
        )


class ServiceNotInstalled(FailedPrecondition):
    """The service named is not part of this installation."""

    domain = DOMAIN

    def __init__(self, service: str) -> None:
        super().__init__(
            f"{service} is not part of this installation", reason="SERVICE_NOT_INSTALLED", metadata={"service": service}
        )


class RegistrationClosed(PermissionDenied):
    """This installation takes no registrations."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("registration is closed; ask an administrator for an account", reason="REGISTRATION_CLOSED")


class SignInBusy(Unavailable):
    """More sign-ins at once than the service can compute."""

    domain = DOMAIN

    def __init__(self) -> None:
        super().__init__("too many sign-ins at once; try again", reason="SIGN_IN_BUSY", retry_after=2.0)
