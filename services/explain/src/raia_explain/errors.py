"""The errors of explain, each with its reason from error_reason.proto."""

from collections.abc import Sequence

from raia_kit.errors import FailedPrecondition, InvalidArgument, OutOfRange

DOMAIN = "raia.explain"


class RowOutOfRange(OutOfRange):
    """A row's number lies outside the dataset version."""

    domain = DOMAIN


class AttributeUnusable(InvalidArgument):
    """A protected attribute cannot be read as it is defined."""

    domain = DOMAIN


class FavourableOutcomeMissing(InvalidArgument):
    """Nobody said which outcome is in a person's favour."""

    domain = DOMAIN


class ClassUnknown(InvalidArgument):
    """The model has no such class."""

    domain = DOMAIN


class ColumnsMissing(FailedPrecondition):
    """The dataset lacks columns that are needed."""

    domain = DOMAIN


def row_out_of_range(row: int, row_count: int) -> RowOutOfRange:
    """The row is not there."""
    return RowOutOfRange(
        f"row {row} lies outside the dataset version, which has {row_count:,} rows numbered from 0",
        reason="ROW_OUT_OF_RANGE",
        metadata={"row": str(row), "row_count": str(row_count)},
    )


def attribute_unusable(attribute: str, what: str) -> AttributeUnusable:
    """The attribute's definition does not work; ``what`` says why and what to do."""
    return AttributeUnusable(
        f"protected attribute {attribute!r}: {what}",
        reason="ATTRIBUTE_UNUSABLE",
        metadata={"attribute": attribute[:200]},
    )


def favourable_outcome_missing(model_id: str, what: str) -> FavourableOutcomeMissing:
    """The favourable outcome is not stated; ``what`` says what to state."""
    return FavourableOutcomeMissing(
        f"it is not known which outcome is in a person's favour: {what}",
        reason="FAVOURABLE_OUTCOME_MISSING",
        metadata={"model_id": model_id},
    )


def class_unknown(label: str, classes: Sequence[str]) -> ClassUnknown:
    """The class is none of the model's."""
    shown = ", ".join(repr(each) for each in classes[:20])
    what = f"the model has no class {label!r}" if label else "name the class to explain"
    return ClassUnknown(f"{what}; its classes are {shown}", reason="CLASS_UNKNOWN", metadata={"class": label[:200]})


def columns_missing(columns: Sequence[str]) -> ColumnsMissing:
    """The dataset version has no such columns."""
    return ColumnsMissing(
        f"the dataset version lacks the columns {', '.join(repr(name) for name in columns[:20])}",
        reason="COLUMNS_MISSING",
        metadata={"columns": ",".join(columns)[:1000]},
    )
