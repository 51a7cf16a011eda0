"""What a fairness report is, and the rules for asking for one."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
from raia_kit.errors import InvalidArgument

from raia_explain.errors import attribute_unusable, class_unknown, favourable_outcome_missing
from raia_explain.sources.datasets import NUMERIC, DatasetVersion
from raia_explain.sources.models import ModelVersion

PENDING = "pending"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
ABOVE, BELOW = "above", "below"
_MOST_BYTES = 256 * 1024
"""Of all definitions of a report together, as JSON: every answer about the report repeats them."""
_MOST_GROUPS = 100


@dataclass(frozen=True)
class AttributeDefinition:
    """How a protected attribute is read from a column."""

    name: str
    column: str
    groups: Mapping[str, str] = field(default_factory=dict)
    bins: Sequence[float] = ()
    reference_group: str = ""


@dataclass(frozen=True)
class Favourable:
    """What counts as an outcome in a person's favour."""

    favourable_class: str = ""
    threshold: float | None = None
    regression_threshold: float | None = None
    side: str = ""


@dataclass(frozen=True)
class ReportRequest:
    """What a report is to be about, checked."""

    model: ModelVersion
    dataset: DatasetVersion
    definitions: tuple[AttributeDefinition, ...]
    favourable: Favourable


@dataclass(frozen=True)
class FairnessReport:
    """A fairness analysis, or the work on it."""

    id: UUID
    model_id: UUID
    project_id: UUID | None
    version: int
    digest: str
    dataset_id: UUID
    dataset_version: int
    target: str
    definitions: tuple[AttributeDefinition, ...]
    favourable: Favourable
    status: str
    progress: float
    error: str
    job_id: int | None
    recording: bool
    """Whether it is being recorded as evidence: from here on it cannot be cancelled."""
    report_digest: str
    """What it is recorded as; empty before."""
    content: Mapping[str, Any] | None
    """Row count, attributes, findings; None until it succeeded."""
    figures: Mapping[str, Any] | None
    created_by: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in (PENDING, RUNNING)


def report_digest(report: FairnessReport, content: Mapping[str, Any]) -> str:
    """The SHA-256 of what the report says and about what, as JSON with sorted keys; in hexadecimal."""
    said = {
        "report_id": str(report.id),
        "model_id": str(report.model_id),
        "version": report.version,
        "digest": report.digest,
        "dataset_id": str(report.dataset_id),
        "dataset_version": report.dataset_version,
        "target": report.target,
        "definitions": [asdict(each) for each in report.definitions],
        "favourable_outcome": asdict(report.favourable),
        "content": content,
    }
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def settled_definitions(
    definitions: Sequence[AttributeDefinition], dataset: DatasetVersion
) -> tuple[AttributeDefinition, ...]:
    """The definitions, if the dataset version has what they read; raises ``AttributeUnusable``."""
    size = len(orjson.dumps([asdict(each) for each in definitions]))
    if size > _MOST_BYTES:
        what = f"they take {size:,} bytes; {_MOST_BYTES:,} are the most: map fewer values"
        raise InvalidArgument.of_field("protected_attributes", what)
    names = [each.name for each in definitions]
    for each in definitions:
        _check(each, dataset)
        if names.count(each.name) > 1:
            raise attribute_unusable(each.name, "it is defined twice; names must differ")
    return tuple(definitions)


def _check(each: AttributeDefinition, dataset: DatasetVersion) -> None:
    if not each.name:
        raise attribute_unusable("", "it has no name")
    if any("\0" in text for text in (each.name, each.reference_group, *each.groups.values())):
        raise attribute_unusable(each.name, "names hold the character NUL, which cannot be stored")
    kind = dataset.columns.get(each.column)
    if kind is None:
        shown = ", ".join(repr(name) for name in list(dataset.columns)[:20])
        raise attribute_unusable(each.name, f"the dataset has no column {each.column!r}; it has {shown}")
    if each.groups and each.bins:
        raise attribute_unusable(each.name, "state a map from value to group or bins, not both")
    if len(set(each.groups.values())) > _MOST_GROUPS:
        raise attribute_unusable(each.name, f"its map has more than {_MOST_GROUPS} groups: join some")
    if each.groups and each.reference_group and each.reference_group not in each.groups.values():
        raise attribute_unusable(each.name, f"the reference group {each.reference_group!r} is none of its map's groups")
    if each.bins and kind not in NUMERIC:
        raise attribute_unusable(
            each.name, f"column {each.column!r} holds {kind}, not numbers, so it has no bins: state a map to groups"
        )
    ascending = all(low < high for low, high in pairwise(each.bins))
    if not ascending or not all(math.isfinite(bound) for bound in each.bins):
        raise attribute_unusable(each.name, "the bounds of bins must be finite numbers in ascending order")


def settled_outcome(favourable: Favourable, model: ModelVersion) -> Favourable:
    """The favourable outcome with what the model records filled in.

    Raises ``FavourableOutcomeMissing``, ``ClassUnknown``, and ``InvalidArgument`` for what such a model cannot use: a
    report that leaves out what was asked for would be taken for another.
    """
    _require_fitting(favourable, model)
    if not model.classes:
        if favourable.regression_threshold is None or favourable.side not in (ABOVE, BELOW):
            what = "for a regressor, state regression_threshold and side ('above' or 'below')"
            raise favourable_outcome_missing(str(model.id), what)
        return Favourable(regression_threshold=favourable.regression_threshold, side=favourable.side)
    label = favourable.favourable_class or model.favourable_class
    if not label:
        what = f"state favourable_outcome.favourable_class, one of {', '.join(map(repr, model.classes[:20]))}"
        raise favourable_outcome_missing(str(model.id), what)
    if label not in model.classes:
        raise class_unknown(label, model.classes)
    return Favourable(favourable_class=label, threshold=favourable.threshold)


def _require_fitting(favourable: Favourable, model: ModelVersion) -> None:
    of_classifiers = {"favourable_class": favourable.favourable_class, "threshold": favourable.threshold}
    of_regressors = {"regression_threshold": favourable.regression_threshold, "side": favourable.side}
    kind, wrong = ("a classifier", of_regressors) if model.classes else ("a regressor", of_classifiers)
    for name, value in wrong.items():
        if value not in (None, ""):
            raise InvalidArgument.of_field(f"favourable_outcome.{name}", f"{kind} has no use for it")
