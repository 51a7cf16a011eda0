"""The errors of ingest, each with its reason from error_reason.proto."""

from raia_kit.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted

DOMAIN = "raia.ingest"


class BadFile(InvalidArgument):
    """The uploaded file cannot become a dataset; the message says what is wrong with it and what to do."""

    domain = DOMAIN


class TooLarge(InvalidArgument):
    """A file or table is over a limit."""

    domain = DOMAIN


class QuotaExceeded(ResourceExhausted):
    """The organisation may keep no more."""

    domain = DOMAIN


class NotReady(FailedPrecondition):
    """The dataset version is still being read, or failed."""

    domain = DOMAIN


class UploadBroken(InvalidArgument):
    """The stream of an upload is incomplete or contradicts itself; nothing is stored."""

    domain = DOMAIN


class ColumnMissing(NotFound):
    """A column that the request names does not exist."""

    domain = DOMAIN


class ColumnUnfit(InvalidArgument):
    """A column is of a type that cannot be used so."""

    domain = DOMAIN


def empty(filename: str) -> BadFile:
    """The file holds nothing to read."""
    return BadFile(
        "the file is empty: it has no rows and no header", reason="FILE_EMPTY", metadata={"filename": filename}
    )


def unreadable(filename: str, detected: str, advice: str) -> BadFile:
    """The file is of no format that can be read; ``detected`` says what it looks like."""
    return BadFile(
        f"the file looks like {detected}, which cannot be read as a table: {advice}",
        reason="FILE_UNREADABLE",
        metadata={"filename": filename, "detected": detected},
    )


def corrupt(filename: str, what: str) -> BadFile:
    """The file is damaged or ends in the middle."""
    return BadFile(
        f"the file is damaged: {what}; export it again and upload the whole file",
        reason="FILE_CORRUPT",
        metadata={"filename": filename},
    )


def encrypted(filename: str) -> BadFile:
    """The file is protected by a password."""
    return BadFile(
        "the file is encrypted: remove its password and upload it again",
        reason="FILE_ENCRYPTED",
        metadata={"filename": filename},
    )


def too_many_columns(found: int, limit: int) -> BadFile:
    """The table is wider than allowed."""
    return BadFile(
        f"the table has {found:,} columns, more than the {limit:,} allowed: check the delimiter, or reshape it to rows",
        reason="TOO_MANY_COLUMNS",
        metadata={"limit": str(limit), "found": str(found)},
    )


def too_large(limit: int, what: str, unit: str = "bytes") -> TooLarge:
    """The file is over a size limit, packed or unpacked."""
    return TooLarge(
        f"{what}: the limit is {limit:,} {unit}", reason="PAYLOAD_TOO_LARGE", metadata={f"limit_{unit}": str(limit)}
    )


def digest_mismatch(expected: str, received: str) -> UploadBroken:
    """The bytes that arrived are not those that were sent."""
    return UploadBroken(
        "the bytes received do not have the stated sha256: send the file again",
        reason="DIGEST_MISMATCH",
        metadata={"expected": expected, "received": received},
    )


def quota_exceeded(quota: int) -> QuotaExceeded:
    """The organisation may keep no more bytes."""
    return QuotaExceeded(
        f"the organisation's files may take {quota:,} bytes: delete datasets, or ask for more",
        reason="QUOTA_EXCEEDED",
        metadata={"quota": "bytes", "limit_bytes": str(quota)},
    )
