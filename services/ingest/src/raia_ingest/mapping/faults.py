"""The errors of schemas, mappings and their runs, each with its reason from error_reason.proto."""

from raia_kit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

from raia_ingest.errors import DOMAIN


class SchemaInvalid(InvalidArgument):
    """A target schema cannot be; the message says what is wrong with it."""

    domain = DOMAIN


class SchemaNameTaken(AlreadyExists):
    """The project has a target schema of this name."""

    domain = DOMAIN


class FieldMissing(InvalidArgument):
    """A decision names a field that the schema does not have."""

    domain = DOMAIN


class MappingNotReady(FailedPrecondition):
    """The mapping's suggestion has not ended, or failed."""

    domain = DOMAIN


class MappingEmpty(FailedPrecondition):
    """No column of the mapping goes into a field."""

    domain = DOMAIN


class DocumentInvalid(InvalidArgument):
    """The document of a mapping cannot be read."""

    domain = DOMAIN


class ItemClosed(FailedPrecondition):
    """A review item was stored or dismissed already."""

    domain = DOMAIN


class NothingToRetry(FailedPrecondition):
    """A run has no corrected records, and its mapping has not changed."""

    domain = DOMAIN


class MappingColumnMissing(NotFound):
    """A decision names a column that the mapping does not have."""

    domain = DOMAIN


def field_missing(field: str) -> FieldMissing:
    """The schema has no such field."""
    return FieldMissing(
        f"the schema has no field {field!r}: name it as ENTITY.field",
        reason="TARGET_FIELD_NOT_FOUND",
        metadata={"field": field[:200]},
    )


def column_missing(column: str) -> MappingColumnMissing:
    """The mapping has no such column."""
    return MappingColumnMissing(
        f"the mapping has no column {column!r}", reason="COLUMN_NOT_FOUND", metadata={"column": column[:200]}
    )


def not_ready(status: str, error: str) -> MappingNotReady:
    """The suggestion has not ended well."""
    advice = error or "wait until its status is ready"
    return MappingNotReady(
        f"the mapping is {status}: {advice}", reason="MAPPING_NOT_READY", metadata={"status": status}
    )


def document_invalid(message: str) -> DocumentInvalid:
    """The document of a mapping is wrong."""
    return DocumentInvalid(f"the mapping cannot be imported: {message}", reason="MAPPING_DOCUMENT_INVALID")
