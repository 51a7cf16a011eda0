"""The errors of ingest, each with its reason from error_reason.proto."""

from uuid import UUID

from raia_kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)

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


class BadRecipe(InvalidArgument):
    """A step of a recipe cannot be; the violation names its field."""

    domain = DOMAIN


class RecipeFailed(FailedPrecondition):
    """The data, or this installation, does not allow what a recipe demands."""

    domain = DOMAIN


def bad_step(place: int, kind: str, field: str, message: str) -> BadRecipe:
    """A step cannot be, or does not fit the columns that it meets; ``place`` counts from 0."""
    path = f"steps[{place}].{kind}.{field}"
    return BadRecipe(
        f"step {place + 1} ({kind}): {message}",
        reason="RECIPE_INVALID",
        metadata={"step": str(place + 1), "kind": kind},
        violations=[FieldViolation(path, message)],
    )


def step_failed(place: int, message: str) -> RecipeFailed:
    """The data breaks what a step demands; ``place`` counts from 0."""
    return RecipeFailed(f"step {place + 1}: {message}", reason="RECIPE_STEP_FAILED", metadata={"step": str(place + 1)})


def bad_layout(what: str) -> BadFile:
    """The layout of a fixed-width file contradicts itself."""
    return BadFile(f"the layout cannot be followed: {what}", reason="LAYOUT_INVALID")


def part_missing(filename: str, part: str, found: list[str]) -> BadFile:
    """The file has no table of this name."""
    known = ", ".join(map(repr, found[:20])) or "none"
    return BadFile(
        f"the file has no table called {part!r}; it has {known}",
        reason="PART_NOT_FOUND",
        metadata={"filename": filename, "part": part},
    )


class Quarantined(FailedPrecondition):
    """The version is kept back by its data quality rules, or by somebody's hand."""

    domain = DOMAIN


class GateOpen(FailedPrecondition):
    """The version is not kept back."""

    domain = DOMAIN


class RuleInvalid(InvalidArgument):
    """A data quality rule makes no sense, or none for these columns."""

    domain = DOMAIN


class RuleExists(AlreadyExists):
    """The dataset has a rule of this name."""

    domain = DOMAIN


class RuleDocumentInvalid(InvalidArgument):
    """A document of rules cannot be read."""

    domain = DOMAIN


def rule_invalid(name: str, field: str, message: str) -> RuleInvalid:
    """A rule makes no sense; ``field`` is the one to mend."""
    return RuleInvalid(
        f"rule {name!r}: {message}",
        reason="QUALITY_RULE_INVALID",
        metadata={"rule": name, "field": field},
        violations=[FieldViolation(field, message)],
    )


def rule_exists(name: str) -> RuleExists:
    """The name is taken."""
    return RuleExists(
        f"the dataset has a rule called {name!r}: change that one, or choose another name",
        reason="QUALITY_RULE_EXISTS",
        metadata={"rule": name},
    )


def rule_document_invalid(message: str) -> RuleDocumentInvalid:
    """The document is wrong."""
    return RuleDocumentInvalid(
        f"the document of rules cannot be read: {message}",
        reason="QUALITY_RULE_DOCUMENT_INVALID",
        violations=[FieldViolation("content", message)],
    )


def not_quarantined(dataset_id: UUID, version: int) -> GateOpen:
    """There is nothing to release."""
    return GateOpen(
        f"version {version} of dataset {dataset_id} is not in quarantine",
        reason="DATASET_NOT_QUARANTINED",
        metadata={"version": str(version)},
    )


class SigningUnavailable(FailedPrecondition):
    """The object store gives out no addresses."""

    domain = DOMAIN


def signing_unavailable() -> SigningUnavailable:
    """The object store cannot sign addresses, as a local folder cannot."""
    return SigningUnavailable(
        "the object store cannot sign addresses: send and fetch the bytes through the platform",
        reason="SIGNING_UNAVAILABLE",
    )


class UploadClosed(FailedPrecondition):
    """The upload takes no more parts."""

    domain = DOMAIN


def upload_closed(status: str) -> UploadClosed:
    """The upload was completed, aborted, or has expired."""
    return UploadClosed(
        f"the upload is {status}: open another one", reason="UPLOAD_CLOSED", metadata={"status": status}
    )


def parts_missing(message: str, missing: str = "") -> UploadClosed:
    """The parts that have come are not the whole file."""
    return UploadClosed(message, reason="UPLOAD_PARTS_MISSING", metadata={"missing": missing} if missing else {})


class KeyNotUnique(FailedPrecondition):
    """The columns that were to tell rows apart do not."""

    domain = DOMAIN


class DiffNotReady(FailedPrecondition):
    """There is no difference to show."""

    domain = DOMAIN


class DatasetNameTaken(AlreadyExists):
    """The project has a dataset of this name."""

    domain = DOMAIN


def key_not_unique(columns: list[str], rows: int, *, base: bool) -> KeyNotUnique:
    """Several rows have the same values in the key columns."""
    which = "the base version" if base else "the version"
    return KeyNotUnique(
        f"{', '.join(columns)} do not tell the rows of {which} apart: {rows:,} of them share values; name further "
        "columns, or none to compare whole rows",
        reason="DIFF_KEY_NOT_UNIQUE",
        metadata={"key_columns": ", ".join(columns)[:1000], "rows": str(rows)},
    )


def diff_not_ready(message: str, status: str = "") -> DiffNotReady:
    """The difference is not there; the message says why."""
    return DiffNotReady(message, reason="DIFF_NOT_READY", metadata={"status": status} if status else {})


def dataset_name_taken(name: str) -> DatasetNameTaken:
    """The name belongs to another dataset."""
    return DatasetNameTaken(
        f"the project has a dataset {name!r} already: choose another name",
        reason="DATASET_NAME_TAKEN",
        metadata={"name": name},
    )


class VersionKept(FailedPrecondition):
    """The version cannot be archived."""

    domain = DOMAIN


def version_kept(version: int, why: str) -> VersionKept:
    """The version is needed."""
    return VersionKept(f"version {version} is kept: {why}", reason="VERSION_KEPT", metadata={"version": str(version)})
