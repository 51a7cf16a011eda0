"""Rows as callers send them, JSON objects, into the frame that a model takes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from raia_scoring.errors import RowInvalid, bad_row
from raia_scoring.signature import NUMERIC, FeatureSpec, Signature

MOST_WARNINGS = 20
"""Warnings that are told of one row."""


class _Oddities:
    """What is odd about one row: the first few in words, the rest counted."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._more = 0

    def append(self, text: str) -> None:
        if len(self._told) < MOST_WARNINGS:
            self._told.append(text)
        else:
            self._more += 1

    def listed(self) -> list[str]:
        return [*self._told, f"… and {self._more:,} more"] if self._more else self._told


def rows_to_frame(rows: Sequence[Mapping[str, Any]], signature: Signature) -> tuple[pd.DataFrame, list[list[str]]]:
    """The rows as a frame of the signature's columns, and for each row what was odd about it.

    Odd, and treated as missing or outside: a column that is not given, a category that training did not see, a number
    outside training's range, a missing value where training saw none. Raises ``RowInvalid`` for a column that the model
    does not take, NaN and infinite numbers, and values of another type: a numeric column takes JSON numbers alone (not
    ``"12"``, not booleans, since a text that looks like a number may be a code), a categorical one texts and booleans.
    """
    known = {spec.name for spec in signature.inputs}
    warnings: list[_Oddities] = []
    for number, row in enumerate(rows):
        for name in row:
            if name not in known:
                raise bad_row(number, name, f"the model takes no such column; it takes {_listed(signature.names)}")
        warnings.append(_Oddities())
    columns: dict[str, np.ndarray] = {}
    for spec in signature.inputs:
        read = _number if spec.kind == NUMERIC else _Categories(spec)
        values = [read(number, spec, row, warnings[number]) for number, row in enumerate(rows)]
        column = np.empty(len(values), dtype=np.float64 if spec.kind == NUMERIC else object)
        column[:] = values
        columns[spec.name] = column
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), columns=pd.Index(signature.names, dtype=object))
    return frame, [odd.listed() for odd in warnings]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _absent(spec: FeatureSpec, row: Mapping[str, Any], warnings: _Oddities) -> bool:
    if spec.name not in row:
        warnings.append(f"{spec.name}: not given; treated as missing")
        return True
    if row[spec.name] is None:
        if not spec.nullable:
            warnings.append(f"{spec.name}: missing, which it never was in training")
        return True
    return False


def _number(number: int, spec: FeatureSpec, row: Mapping[str, Any], warnings: _Oddities) -> float:
    if _absent(spec, row, warnings):
        return math.nan
    value = row[spec.name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(number, spec, value, "a number")
    value = float(value)
    if not math.isfinite(value):
        raise bad_row(number, spec.name, "the number is NaN or infinite: send null for a missing value")
    low, high = spec.minimum, spec.maximum
    if low is not None and high is not None and not low <= value <= high:
        warnings.append(f"{spec.name}: {value:g} is outside the range of training, {low:g} to {high:g}")
    return value


class _Categories:
    """Reads the values of one categorical column."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._seen = frozenset(spec.categories)

    def __call__(self, number: int, spec: FeatureSpec, row: Mapping[str, Any], warnings: _Oddities) -> str | None:
        if _absent(spec, row, warnings):
            return None
        value = row[spec.name]
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str):
            raise _wrong_type(number, spec, value, "a text")
        if value not in self._seen and spec.complete:
            warnings.append(f"{spec.name}: {_shortened(value)} was never seen in training; it counts as no category")
        return value


def _wrong_type(number: int, spec: FeatureSpec, value: Any, wanted: str) -> RowInvalid:
    kinds = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    given = kinds.get(type(value), "of another type")
    return bad_row(number, spec.name, f"the model takes {wanted} here, not {given}")


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
