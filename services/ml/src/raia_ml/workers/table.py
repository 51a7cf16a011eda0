"""Rows of a dataset as a frame to learn from: which are used, what kind each column is, what is left out and why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from raia_scoring.preprocessing import MOST_INDICATORS
from raia_scoring.signature import CATEGORICAL, MOST_CATEGORIES, NUMERIC, FeatureSpec, label, numbers, texts

from raia_ml.errors import data_insufficient, target_unusable
from raia_ml.runs.parameters import CLASSIFICATION, REGRESSION

FEWEST_ROWS = 20
MOST_CLASSES = 100
MOST_CLASS_CHARACTERS = 500
LARGEST_TARGET = 1e15
"""Libraries that compute with 32 bits learn nothing from greater numbers, and do not say so."""
_CATEGORY_CHARACTERS = 500_000
"""Characters of categories that a signature lists in all: it is part of every answer about the model."""
_FEW_VALUES = 10
"""Whole numbers with at most so many different values are classes, unless the caller says otherwise."""


@dataclass
class Table:
    """The rows with a usable target. ``rows`` are their numbers in the dataset, from 0."""

    frame: pd.DataFrame
    """The columns that may be learnt from, those of the dataset in their order without target and excluded ones."""
    kinds: Mapping[str, str]
    target: np.ndarray
    """Class numbers as int64, or float64; (n,)."""
    classes: tuple[str, ...]
    rows: np.ndarray
    total: int
    task: str
    dropped: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(path: str, most_rows: int) -> pa.Table:
    """The Arrow stream at ``path``; raises ``DataUnusable`` for more than ``most_rows``."""
    batches, rows = [], 0
    with pa.OSFile(path, "rb") as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            rows += batch.num_rows
            if rows > most_rows:
                why = f"the dataset has more than the {most_rows:,} rows that a training may take: sample it first"
                raise data_insufficient(rows, why)
            batches.append(batch)
        return pa.Table.from_batches(batches, stream.schema)


def prepare(table: pa.Table, target: str, task: str, excluded: Sequence[str]) -> Table:
    """Separates target and features; raises ``DataUnusable`` when nothing can be learnt."""
    if target not in table.column_names:
        raise target_unusable(target, f"the dataset has no such column; it has {', '.join(table.column_names[:50])}")
    if table.num_rows < FEWEST_ROWS:
        raise data_insufficient(table.num_rows, f"{table.num_rows} rows are too few to learn from and to test with")
    column = table.column(target)
    task = task or _task_of(column)
    usable, values, classes, warnings = (_classes if task == CLASSIFICATION else _numbers)(target, column)
    if len(usable) < FEWEST_ROWS:
        why = f"only {len(usable)} rows have a usable value of {target!r}: {FEWEST_ROWS} are needed at least"
        raise data_insufficient(len(usable), why)
    frame, kinds, dropped = _features(table, target, set(excluded))
    prepared = Table(
        frame=frame.iloc[usable].reset_index(drop=True),
        kinds=kinds,
        target=values,
        classes=classes,
        rows=usable.astype(np.int64),
        total=table.num_rows,
        task=task,
        dropped=dropped,
        warnings=warnings,
    )
    prepared.warnings += [
        f"column {each['column']!r} is left out: {each['reason']}" for each in dropped if each["column"] not in excluded
    ]
    for name in (name for name in frame if kinds[name] == NUMERIC):
        infinite = int(np.isinf(pd.to_numeric(prepared.frame[name]).to_numpy(np.float64, na_value=np.nan)).sum())
        if infinite:
            prepared.warnings.append(f"column {name!r}: {infinite:,} infinite values are treated as missing")
    return prepared


def specify(table: Table, training: np.ndarray) -> tuple[FeatureSpec, ...]:
    """What the model takes, judged by the training rows alone; columns that tell nothing are left out.

    Adds to the table's ``dropped`` and ``warnings``. Raises ``DataUnusable`` when no column remains.
    """
    specs: list[FeatureSpec] = []
    room = _CATEGORY_CHARACTERS
    for name in map(str, table.frame.columns):
        values = table.frame[name].iloc[training]
        spec = _numeric(name, values) if table.kinds[name] == NUMERIC else _categorical(name, values, room)
        if isinstance(spec, FeatureSpec):
            specs.append(spec)
            room -= sum(map(len, spec.categories))
            table.warnings += _doubts(spec, values)
        else:
            table.dropped.append({"column": name, "reason": spec})
            table.warnings.append(f"column {name!r} is left out: {spec}")
    if not specs:
        raise data_insufficient(
            table.total, "no column is left to learn from: all are constant, missing or identifiers"
        )
    return tuple(specs)


def _numeric(name: str, values: "pd.Series[Any]") -> FeatureSpec | str:
    found = numbers(values)
    present = found[np.isfinite(found)]
    if not len(present):
        return "it has no value in the training rows"
    nullable = len(present) < len(found)
    if present.min() == present.max() and not nullable:
        return "it has the same value in all training rows"
    return FeatureSpec(name, NUMERIC, minimum=float(present.min()), maximum=float(present.max()), nullable=nullable)


def _categorical(name: str, values: "pd.Series[Any]", room: int) -> FeatureSpec | str:
    found = [value for value in texts(values) if value is not None]
    if not found:
        return "it has no value in the training rows"
    counts = pd.Series(found, dtype=object).value_counts()
    nullable = len(found) < len(values)
    if len(counts) == 1 and not nullable:
        return "it has the same value in all training rows"
    if len(counts) == len(found) and len(found) > _FEW_VALUES:
        return "it names each row differently, as an identifier does"
    frequent = list(map(str, counts.index[:MOST_CATEGORIES]))
    lengths = np.cumsum([len(category) for category in frequent])
    frequent = frequent[: int(np.searchsorted(lengths, room, side="right"))]
    return FeatureSpec(
        name, CATEGORICAL, tuple(sorted(frequent)), nullable=nullable, complete=len(frequent) == len(counts)
    )


def _doubts(spec: FeatureSpec, values: "pd.Series[Any]") -> list[str]:
    """What is learnt from but may not be meant to be."""
    if spec.kind == CATEGORICAL:
        different = values.nunique()
        if different <= MOST_INDICATORS:
            return []
        told_apart = MOST_INDICATORS - 1
        return [
            f"column {spec.name!r} has {different:,} different values: the {told_apart} most frequent are told apart"
        ]
    steps = np.diff(numbers(values))
    if len(steps) and np.all(steps > 0) and np.all(values == np.floor(values)):
        return [f"column {spec.name!r} counts the rows up: exclude it unless its order means something"]
    return []


def _features(
    table: pa.Table, target: str, excluded: set[str]
) -> tuple[pd.DataFrame, dict[str, str], list[dict[str, str]]]:
    columns: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    dropped: list[dict[str, str]] = []
    for name in table.column_names:
        if name == target:
            continue
        kind = table.schema.field(name).type
        if name in excluded:
            dropped.append({"column": name, "reason": "excluded on request"})
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            columns[name], kinds[name] = _floats(table.column(name)), NUMERIC
        elif pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
            columns[name], kinds[name] = _objects(table.column(name)), CATEGORICAL
        elif pa.types.is_null(kind):
            dropped.append({"column": name, "reason": "it holds no value"})
        else:
            reason = (
                f"values of type {kind} are not learnt from: add the figures that matter, such as an age, as numbers"
            )
            dropped.append({"column": name, "reason": reason})
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), columns=pd.Index(list(columns), dtype=object))
    return frame, kinds, dropped


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    found: np.ndarray = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _objects(column: pa.ChunkedArray) -> np.ndarray:
    values = np.empty(len(column), dtype=object)
    values[:] = [None if value is None else label(value) for value in column.to_pylist()]
    return values


def _task_of(column: pa.ChunkedArray) -> str:
    """Texts, booleans and whole numbers of few values are classes; other numbers are numbers."""
    if pa.types.is_integer(column.type):
        return CLASSIFICATION if len(column.drop_null().unique()) <= _FEW_VALUES else REGRESSION
    if pa.types.is_floating(column.type):
        return CLASSIFICATION if len(column.drop_null().unique()) <= 2 else REGRESSION
    return CLASSIFICATION


Target = tuple[np.ndarray, np.ndarray, tuple[str, ...], list[str]]


def _classes(target: str, column: pa.ChunkedArray) -> Target:
    labels = [None if _absent(value) else label(value) for value in column.to_pylist()]
    usable = np.asarray([position for position, value in enumerate(labels) if value is not None], dtype=np.int64)
    counts = pd.Series([labels[position] for position in usable], dtype=object).value_counts()
    if len(counts) < 2:
        found = f"all rows have the value {counts.index[0]!r}" if len(counts) else "it has no values"
        raise target_unusable(target, f"{found}; two classes are needed at least")
    if len(counts) > MOST_CLASSES:
        why = f"it has {len(counts):,} different values, more than the {MOST_CLASSES} classes allowed: "
        raise target_unusable(target, why + "is it a number to predict (type regression), or an identifier?")
    longest = max(map(str, counts.index), key=len)
    if len(longest) > MOST_CLASS_CHARACTERS:
        shown = f"{longest[:50]!r}… has {len(longest):,}"
        raise target_unusable(target, f"a class is named by at most {MOST_CLASS_CHARACTERS} characters, and {shown}")
    rare = [str(name) for name, count in counts.items() if count < 2]
    if rare:
        why = f"the class {rare[0]!r} has one row, which cannot be both learnt and tested: merge or remove such classes"
        raise target_unusable(target, why)
    classes = tuple(sorted(map(str, counts.index), key=_class_order(map(str, counts.index))))
    position_of = {name: position for position, name in enumerate(classes)}
    values = np.asarray([position_of[str(labels[position])] for position in usable], dtype=np.int64)
    warnings = _missing_target(target, len(labels) - len(usable))
    least, most = counts.min(), counts.max()
    if least / len(usable) < 0.1 or most / least > 9:
        rarest = counts.index[-1]
        share = least / len(usable)
        warnings.append(
            f"classes are imbalanced: {rarest!r} makes up {share:.1%} of the rows; accuracy alone says little, look at "
            "balanced accuracy and ROC AUC, and consider class_weight balanced"
        )
    return usable, values, classes, warnings


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _class_order(names: Any) -> Any:
    """Classes that are all numbers are in the order of the numbers, others in that of the alphabet."""
    try:
        if all(np.isfinite(float(name)) for name in names):
            return lambda name: (float(name), name)
    except ValueError:
        pass
    return lambda name: name


def _numbers(target: str, column: pa.ChunkedArray) -> Target:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise target_unusable(target, f"regression needs numbers, and this column holds {column.type}")
    values = _floats(column)
    usable = np.flatnonzero(np.isfinite(values))
    infinite = int(np.isinf(values).sum())
    found = values[usable]
    if not len(found) or found.min() == found.max():
        raise target_unusable(target, "it has no two different values")
    largest = float(np.abs(found).max())
    if largest > LARGEST_TARGET:
        why = (
            f"it has numbers up to {largest:.3g}: learn from a larger unit, so that they stay below {LARGEST_TARGET:g}"
        )
        raise target_unusable(target, why)
    warnings = _missing_target(target, len(values) - len(usable) - infinite)
    if infinite:
        warnings.append(f"{infinite:,} rows are left out: their {target!r} is infinite")
    return usable, found, (), warnings


def _missing_target(target: str, missing: int) -> list[str]:
    return [f"{missing:,} rows are left out: their {target!r} is missing"] if missing else []
