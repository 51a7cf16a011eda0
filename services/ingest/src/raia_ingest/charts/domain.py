"""What each type of chart takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from raia_ingest.datasets.domain import Column
from raia_ingest.errors import ColumnMissing, ColumnUnfit

NUMBERS = frozenset({"integer", "float"})
TIMES = frozenset({"date", "datetime"})
_COUNTING = frozenset({"count", "distinct_count"})


@dataclass(frozen=True)
class Shape:
    """The roles of a type's columns, in order."""

    roles: tuple[str, ...]
    required: int
    limit: int
    """What is shown at most unless the request says otherwise."""


SHAPES = {
    "bar": Shape(("category", "value", "series"), 1, 30),
    "line": Shape(("x", "value", "series"), 1, 1000),
    "scatter": Shape(("number x", "number y", "series"), 2, 1000),
    "histogram": Shape(("number x", "series"), 1, 30),
    "box": Shape(("category", "number y"), 1, 30),
    "heatmap": Shape(("category", "category", "value"), 2, 30),
    "pie": Shape(("category", "value"), 1, 30),
}


@dataclass(frozen=True)
class Wanted:
    """A chart that has been checked against the columns."""

    type: str
    positions: list[int]
    aggregation: str
    limit: int


def check(kind: str, names: Sequence[str], aggregation: str, limit: int, columns: Sequence[Column]) -> Wanted:
    """The chart wanted, by positions of columns; raises ``ColumnMissing``, and ``ColumnUnfit`` for a wrong type."""
    shape = SHAPES[kind]
    by_name = {column.name: position for position, column in enumerate(columns)}
    for name in names:
        if name not in by_name:
            raise ColumnMissing(
                f"the dataset has no column {name!r}", reason="COLUMN_NOT_FOUND", metadata={"column": name[:200]}
            )
    if not shape.required <= len(names) <= len(shape.roles):
        raise ColumnUnfit(
            f"a {kind} chart takes {_counts(shape)} columns: {', '.join(shape.roles)}",
            reason="CHART_COLUMNS",
            metadata={"type": kind, "column": ""},
        )
    found = [columns[by_name[name]] for name in names]
    # The one column of a box chart is its numbers.
    roles = shape.roles[1:] if kind == "box" and len(names) == 1 else shape.roles
    for role, column in zip(roles, found, strict=False):
        _check_role(kind, role, column, aggregation)
    chosen = aggregation or ("sum" if len(found) > 1 and "value" in shape.roles else "count")
    return Wanted(kind, [by_name[name] for name in names], chosen, limit or shape.limit)


def _counts(shape: Shape) -> str:
    return str(shape.required) if shape.required == len(shape.roles) else f"{shape.required} to {len(shape.roles)}"


def _check_role(kind: str, role: str, column: Column, aggregation: str) -> None:
    numeric = role.startswith("number") or (role == "value" and aggregation not in _COUNTING)
    orderable = role.startswith("number") and column.type in TIMES and role.endswith("x")
    if numeric and column.type not in NUMBERS and not orderable:
        raise ColumnUnfit(
            f"{column.name!r} is {column.type}, and a {kind} chart needs numbers there: choose a numeric column, or "
            "the aggregation count",
            reason="CHART_COLUMNS",
            metadata={"type": kind, "column": column.name[:200]},
        )
