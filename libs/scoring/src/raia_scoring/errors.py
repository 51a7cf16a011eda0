"""What is wrong with an artefact or a row, in words that say how to mend it."""

from raia_kit.errors import InvalidArgument


class ArtefactInvalid(InvalidArgument):
    """The bytes are no model artefact, not the expected one, or hold something that is not loaded."""

    domain = "raia.ml"


class RowInvalid(InvalidArgument):
    """A row cannot be scored; metadata names row and column."""

    domain = "raia.ml"


def bad_artefact(what: str) -> ArtefactInvalid:
    """The error for an artefact that is not loaded; ``what`` says why and what to do."""
    return ArtefactInvalid(what, reason="ARTIFACT_INVALID")


def bad_row(row: int, column: str, what: str) -> RowInvalid:
    """The error for row number ``row``, counted from 0."""
    return RowInvalid(
        f"row {row}, column {column!r}: {what}", reason="ROW_INVALID", metadata={"row": str(row), "column": column}
    )
