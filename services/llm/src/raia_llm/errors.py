"""The errors of llm, each with its reason from error_reason.proto."""

from raia_kit.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable

DOMAIN = "raia.llm"


class BadDocument(InvalidArgument):
    """The uploaded file cannot become a document; the message says what is wrong with it and what to do."""

    domain = DOMAIN


class TooLarge(ResourceExhausted):
    """A document is over a limit."""

    domain = DOMAIN


class UploadBroken(InvalidArgument):
    """The stream of an upload is incomplete or contradicts itself; nothing is stored."""

    domain = DOMAIN


class ProviderAway(Unavailable):
    """The provider did not answer, or not now."""

    domain = DOMAIN


class ProviderRefused(FailedPrecondition):
    """The provider is not configured, or refuses what it is asked."""

    domain = DOMAIN


def empty(filename: str, why: str) -> BadDocument:
    """The file holds no text; ``why`` says how that looks and what to do."""
    return BadDocument(f"the document has no text: {why}", reason="DOCUMENT_EMPTY", metadata={"filename": filename})


def unreadable(filename: str, detected: str, advice: str) -> BadDocument:
    """The file is of no format that can be read; ``detected`` says what it looks like."""
    return BadDocument(
        f"the file looks like {detected}, which cannot be read as a document: {advice}",
        reason="DOCUMENT_UNREADABLE",
        metadata={"filename": filename, "detected": detected},
    )


def damaged(filename: str, what: str) -> BadDocument:
    """The file is damaged or ends in the middle."""
    return BadDocument(
        f"the file is damaged: {what}; export it again and upload the whole file",
        reason="DOCUMENT_UNREADABLE",
        metadata={"filename": filename},
    )


def encrypted(filename: str) -> BadDocument:
    """The file is protected by a password."""
    return BadDocument(
        "the document is encrypted: remove its password and upload it again",
        reason="DOCUMENT_ENCRYPTED",
        metadata={"filename": filename},
    )


def too_large(filename: str, limit: int, what: str, unit: str = "bytes") -> TooLarge:
    """The document is over a limit, packed or unpacked."""
    return TooLarge(
        f"{what}: the limit is {limit:,} {unit}",
        reason="PAYLOAD_TOO_LARGE",
        metadata={"filename": filename, f"limit_{unit}": str(limit)},
    )


def digest_mismatch(expected: str, received: str) -> UploadBroken:
    """The bytes that arrived are not those that were sent."""
    return UploadBroken(
        "the bytes received do not have the stated sha256: send the file again",
        reason="DIGEST_MISMATCH",
        metadata={"expected": expected, "received": received},
    )


def provider_missing(provider: str) -> ProviderRefused:
    """The provider that a question names is not set up."""
    return ProviderRefused(
        f"the provider {provider} is not configured: set RAIA_OPENAI_BASE_URL and RAIA_OPENAI_MODEL, or ask the "
        "offline provider",
        reason="PROVIDER_NOT_CONFIGURED",
        metadata={"provider": provider},
    )
