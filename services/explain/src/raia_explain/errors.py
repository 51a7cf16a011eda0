"""The errors of explain, each with its reason from error_reason.proto."""

from collections.abc import Sequence

from raia_kit.errors import FailedPrecondition, InvalidArgument, OutOfRange, ResourceExhausted, Unavailable

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
    """The dataset lacks columns that are needed, or has them with values of another kind."""

    domain = DOMAIN


class NotReady(FailedPrecondition):
    """The dataset version cannot be read yet, or ever."""

    domain = DOMAIN


class ModelUnsuitable(FailedPrecondition):
    """The model version lacks what the work rests on."""

    domain = DOMAIN


class TransferBroken(Unavailable):
    """What another service sent did not arrive whole."""

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


def columns_unsuitable(columns: Sequence[str]) -> ColumnsMissing:
    """The dataset version has other than numbers where the model takes numbers."""
    return ColumnsMissing(
        "the model takes numbers from columns that hold something else in the dataset version: "
        f"{', '.join(repr(name) for name in columns[:20])}",
        reason="COLUMNS_UNSUITABLE",
        metadata={"columns": ",".join(columns)[:1000]},
    )


def answer_too_large(size: int, limit: int) -> ResourceExhausted:
    """The explanation would not fit one message."""
    return ResourceExhausted(
        f"the explanation of these rows takes {size:,} bytes of the {limit:,} of one answer: ask for fewer rows",
        reason="ANSWER_TOO_LARGE",
        metadata={"limit_bytes": str(limit), "bytes": str(size)},
    )


def not_ready(dataset_id: object, version: int, status: str) -> NotReady:
    """The dataset version is not ready."""
    return NotReady(
        f"version {version} of the dataset is {status}: wait until it is ready",
        reason="DATASET_NOT_READY",
        metadata={"dataset_id": str(dataset_id), "version": str(version)},
    )


def training_data_unknown(model_id: object) -> ModelUnsuitable:
    """Nobody knows which rows the model version was trained from and which were held out."""
    return ModelUnsuitable(
        "the model version does not say which dataset it was trained from, so it has no hold-out rows",
        reason="TRAINING_DATA_UNKNOWN",
        metadata={"model_id": str(model_id)},
    )


def model_changed(model_id: object, version: int) -> ModelUnsuitable:
    """The version's digest is another than it was."""
    return ModelUnsuitable(
        "the model version has another artefact than when this was asked for; ask again",
        reason="MODEL_CHANGED",
        metadata={"model_id": str(model_id), "version": str(version)},
    )


def model_not_ready(model_id: object) -> ModelUnsuitable:
    """The model has no version."""
    return ModelUnsuitable(
        "the model has no version yet: wait until a training run has made one",
        reason="MODEL_NOT_READY",
        metadata={"model_id": str(model_id)},
    )
