"""The errors of ml, each with its reason from error_reason.proto."""

from collections.abc import Sequence
from difflib import get_close_matches
from uuid import UUID

from raia_kit.errors import Aborted, AlreadyExists, FailedPrecondition, FieldViolation, InvalidArgument, NotFound

DOMAIN = "raia.ml"


class GateRefused(FailedPrecondition):
    """The organisation's policy does not let the version into production."""

    domain = DOMAIN


class NotReady(FailedPrecondition):
    """The model has nothing that could serve, or is not in production."""

    domain = DOMAIN


class DataUnusable(InvalidArgument):
    """Nothing can be learnt from these rows, or nothing about this target."""

    domain = DOMAIN


class ParameterInvalid(InvalidArgument):
    """A parameter is unknown to the algorithm or outside its range."""

    domain = DOMAIN


class Unsuitable(InvalidArgument):
    """The algorithm does not fit the kind of target."""

    domain = DOMAIN


class NameTaken(AlreadyExists):
    """The model's name belongs to a model that cannot get this version."""

    domain = DOMAIN


class DigestMismatch(FailedPrecondition):
    """Evidence speaks about another artefact."""

    domain = DOMAIN


class EtagMismatch(Aborted):
    """The resource changed since the etag that the request carries."""

    domain = DOMAIN


def not_ready(model_id: UUID) -> NotReady:
    """The model has no version yet."""
    return NotReady(
        f"model {model_id} has no version yet: wait until its training has succeeded",
        reason="MODEL_NOT_READY",
        metadata={"model_id": str(model_id)},
    )


def not_deployed(model_id: UUID, advice: str) -> NotReady:
    """The model is not in production."""
    return NotReady(
        f"model {model_id} is not in production: {advice}",
        reason="MODEL_NOT_DEPLOYED",
        metadata={"model_id": str(model_id)},
    )


def missing(model_id: UUID, version: int) -> NotFound:
    """The model, or a version of it, is not there."""
    return NotFound.of("model version", f"{model_id}/{version}") if version else NotFound.of("model", model_id)


def target_unusable(target: str, why: str) -> DataUnusable:
    """Nothing can be learnt about the target; ``why`` says what to do."""
    return DataUnusable(f"target {target!r}: {why}", reason="TARGET_UNUSABLE", metadata={"target": target})


def data_insufficient(rows: int, why: str) -> DataUnusable:
    """Nothing can be learnt from the rows."""
    return DataUnusable(why, reason="DATA_INSUFFICIENT", metadata={"rows": str(rows)})


def parameter_unknown(name: str, algorithm: str, known: Sequence[str]) -> ParameterInvalid:
    """The algorithm has no such parameter."""
    close = get_close_matches(name, known, 1)
    meant = f"did you mean {close[0]}? " if close else ""
    return ParameterInvalid(
        f"{algorithm} has no parameter {name[:200]!r}: {meant}It takes {', '.join(known)}",
        reason="PARAMETER_INVALID",
        metadata={"parameter": name[:200], "algorithm": algorithm},
        violations=[FieldViolation(f"parameters.{name[:200]}", f"must be one of {', '.join(known)}")],
    )


def parameter_invalid(name: str, algorithm: str, wanted: str) -> ParameterInvalid:
    """A parameter's value is of another type or outside its range."""
    return ParameterInvalid(
        f"parameter {name} of {algorithm} must be {wanted}",
        reason="PARAMETER_INVALID",
        metadata={"parameter": name, "algorithm": algorithm},
        violations=[FieldViolation(f"parameters.{name}", f"must be {wanted}")],
    )


def unsuitable(algorithm: str, kind: str, able: Sequence[str]) -> Unsuitable:
    """The algorithm cannot do this kind of task."""
    return Unsuitable(
        f"{algorithm} does not do {kind}: use {', '.join(able)}",
        reason="ALGORITHM_UNSUITABLE",
        metadata={"algorithm": algorithm, "type": kind},
    )


def changed(current: str) -> EtagMismatch:
    """Somebody changed it meanwhile."""
    return EtagMismatch(
        "it has changed meanwhile; read it again and retry", reason="ETAG_MISMATCH", metadata={"current": current}
    )
