"""Which group of a protected attribute each row belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from raia_scoring.signature import texts

from raia_explain.errors import attribute_unusable

MOST_GROUPS = 100
LONGEST_NAME = 200
"""Characters of a group's name."""


@dataclass(frozen=True)
class Definition:
    """How a protected attribute is read from a column: as it is, by a map from value to group, or by bins."""

    name: str
    column: str
    groups: Mapping[str, str] = field(default_factory=dict)
    bins: Sequence[float] = ()
    reference_group: str = ""


def assign(definition: Definition, values: "pd.Series[Any]") -> np.ndarray:
    """The group of each row, an object array (n,) of texts, None for rows that belong to none.

    Raises ``AttributeUnusable`` when the values cannot be grouped so.
    """
    if definition.groups and definition.bins:
        raise attribute_unusable(definition.name, "state a map from value to group or bins, not both")
    if definition.bins:
        return _binned(definition, values)
    if definition.groups:
        return _mapped(definition, values)
    found = texts(values)
    distinct = {value for value in found if value is not None}
    if len(distinct) > MOST_GROUPS:
        raise attribute_unusable(
            definition.name,
            f"column {definition.column!r} holds {len(distinct):,} different values: "
            "state bins for numbers, or a map from value to group",
        )
    if any(len(value) > LONGEST_NAME for value in distinct):
        raise attribute_unusable(
            definition.name,
            f"column {definition.column!r} holds values of more than {LONGEST_NAME} characters, too long to name a "
            "group: state a map from value to group",
        )
    return found


def bin_labels(bins: Sequence[float]) -> list[str]:
    """The names of the bins that lower bounds make: [25, 60] makes ``<25``, ``25–<60`` and ``≥60``."""
    bounds = [_shown(bound) for bound in bins]
    between = [f"{low}–<{high}" for low, high in pairwise(bounds)]
    return [f"<{bounds[0]}", *between, f"≥{bounds[-1]}"]


def _binned(definition: Definition, values: "pd.Series[Any]") -> np.ndarray:
    bins = np.asarray(definition.bins, dtype=np.float64)
    if not np.isfinite(bins).all() or (np.diff(bins) <= 0).any():
        raise attribute_unusable(definition.name, "the bounds of bins must be finite numbers in ascending order")
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        raise attribute_unusable(
            definition.name, f"column {definition.column!r} is not numeric, so it has no bins: state a map to groups"
        )
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    labels = np.array(bin_labels(definition.bins), dtype=object)
    numbers_or_zero = np.nan_to_num(numbers, nan=0.0, posinf=np.inf, neginf=-np.inf)
    found: np.ndarray = labels[np.searchsorted(bins, numbers_or_zero, side="right")]
    found[np.isnan(numbers)] = None
    return found


def _mapped(definition: Definition, values: "pd.Series[Any]") -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = [None if value is None else definition.groups.get(value) for value in texts(values)]
    if len(found) and all(group is None for group in found):
        raise attribute_unusable(
            definition.name,
            f"none of the values named occurs in column {definition.column!r}; "
            f"it holds {', '.join(repr(value) for value in sorted({str(v) for v in texts(values)})[:10])}",
        )
    return found


def _shown(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() and abs(bound) < 2**53 else repr(float(bound))
