"""The errors of watched sources, each with its reason from error_reason.proto."""

from raia_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    RaiaError,
    Unavailable,
)

from raia_ingest.errors import DOMAIN


class PlaceFault(RaiaError):
    """Base of what is wrong with the place of a source; a look ends with it and is repeated later."""

    domain = DOMAIN


class PlaceInvalid(PlaceFault, InvalidArgument):
    """The place of a source may not be watched."""


class PlaceUnreachable(PlaceFault, Unavailable):
    """The place of a source cannot be looked at now."""


class SecretsUnavailable(PlaceFault, FailedPrecondition):
    """Credentials cannot be kept or used."""


class SourceExists(AlreadyExists):
    """The project has a source of this name."""

    domain = DOMAIN


class SourceStopped(FailedPrecondition):
    """The source is not looked at."""

    domain = DOMAIN


def place_invalid(field: str, advice: str) -> PlaceInvalid:
    """A place may not be watched; ``advice`` says why and what to do."""
    return PlaceInvalid(
        f"{field}: {advice}",
        reason="SOURCE_PLACE_INVALID",
        metadata={"field": field},
        violations=[FieldViolation(field, advice)],
    )


def address_private(host: str) -> PlaceInvalid:
    """An address lies in a private network."""
    return PlaceInvalid(
        f"{host} lies in a private network, which sources may not reach here",
        reason="SOURCE_ADDRESS_PRIVATE",
        metadata={"host": host},
    )


def unreachable(place: str, why: str) -> PlaceUnreachable:
    """A place cannot be looked at now."""
    return PlaceUnreachable(
        f"{place} cannot be looked at: {why}", reason="SOURCE_UNREACHABLE", metadata={"place": place}, retry_after=2.0
    )


def secrets_unavailable() -> SecretsUnavailable:
    """There is no key for credentials, or not the one under which they were sealed."""
    return SecretsUnavailable(
        "credentials cannot be kept or opened: RAIA_ENVELOPE_KEY is not set, or is another; set it and give them again",
        reason="SECRETS_UNAVAILABLE",
    )


def source_exists(name: str) -> SourceExists:
    """A source's name is taken."""
    return SourceExists(
        f"a source called {name} exists in this project; choose another name",
        reason="SOURCE_NAME_TAKEN",
        metadata={"name": name},
    )


def source_stopped() -> SourceStopped:
    """A stopped source is not looked at."""
    return SourceStopped("the source is stopped; start it first", reason="SOURCE_STOPPED")
