# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""Numbers far from the others of their column, by median and median absolute deviation, exact and spilling to disk."""

import math
from dataclasses import dataclass
from typing import Any

import duckdb

from raia_ingest.workers.column_profile import as_json

FAR = 3.5
"""Robust z-scores beyond this are outliers (Iglewicz and Hoaglin)."""
_SCALE = 0.6745
"""The MAD of a normal distribution in standard deviations."""
_FENCE = 3.0
"""Interquartile ranges beyond the quartiles, where more than half of the values are equal."""
_LEAST_DISTINCT = 10
_SKEWED = 0.01
"""Share of outliers above which positive values are looked at by their logarithms, too."""
_EXAMPLES = 5


@dataclass(frozen=True)
class Outliers:
    """What is far from the rest."""

    method: str
    """"robust_z", "robust_z_of_logarithm" or "interquartile_range"."""
    count: int
    lower: float
    upper: float
    examined: int
    """Present, finite values."""
    examples: list[dict[str, Any]]

    def facts(self, rows: int) -> dict[str, Any]:
        """As the report has it."""
        return {
            "method": self.method,
            "count": self.count,
            "fraction": self.count / rows if rows else 0.0,
            "lower": as_json(self.lower),
            "upper": as_json(self.upper),
            "examples": self.examples,
        }


def outliers_of(connection: duckdb.DuckDBPyConnection, alias: str) -> Outliers | None:
    """The outliers of one numeric column of the view ``data``; None when it has too few values to tell."""
    connection.execute(
        f"create or replace temp table g as select {alias}::double v, count(*) n from data "
        f"where {alias} is not null and isfinite({alias}::double) group by 1"
    )
    try:
        distinct, examined, least = connection.execute("select count(*), sum(n)::bigint, min(v) from g").fetchone() or (
            0,
            0,
            0,
        )
        if distinct < _LEAST_DISTINCT:
            return None
        bounds = _bounds(connection, int(examined), float(least))
        if bounds is None:
            return Outliers("robust_z", 0, -math.inf, math.inf, int(examined), [])
        method, lower, upper = bounds
        count = _beyond(connection, lower, upper)
    finally:
        connection.execute("drop table if exists g")
    examples = _examples(connection, alias, lower, upper) if count else []
    return Outliers(method, count, lower, upper, int(examined), examples)


def _bounds(connection: duckdb.DuckDBPyConnection, count: int, least: float) -> tuple[str, float, float] | None:
    plain = _around_median(connection, "g", count)
    if plain is None:
        low, high = _quantile(connection, "g", count, 0.25), _quantile(connection, "g", count, 0.75)
        if low == high:
            return None
        return "interquartile_range", low - _FENCE * (high - low), high + _FENCE * (high - low)
    lower, upper = plain
    if least > 0 and _beyond(connection, lower, upper) > _SKEWED * count:
        logarithm = _around_median(connection, "(select ln(v) v, n from g)", count)
        if logarithm is not None:
            low, high = math.exp(logarithm[0]), _exponential(logarithm[1])
            if _beyond(connection, low, high) < _beyond(connection, lower, upper):
                return "robust_z_of_logarithm", low, high
    return "robust_z", lower, upper


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _around_median(connection: duckdb.DuckDBPyConnection, source: str, count: int) -> tuple[float, float] | None:
    """The bounds of robust z-scores; None when more than half of the values are equal."""
    median = _quantile(connection, source, count, 0.5)
    deviation = _quantile(connection, f"(select abs(v - {median!r}::double) v, n from {source})", count, 0.5)
    if not deviation > 0 or not math.isfinite(deviation):
        return None
    reach = FAR * deviation / _SCALE
    return median - reach, median + reach


def _quantile(connection: duckdb.DuckDBPyConnection, source: str, count: int, probability: float) -> float:
    """By linear interpolation between the two order statistics around it."""
    position = probability * (count - 1)
    low, high = math.floor(position), math.ceil(position)
    first, second = connection.execute(
        f"select min(v) filter (upto > {low}), min(v) filter (upto > {high}) from "
        f"(select v, sum(n) over (order by v) upto from {source})"
    ).fetchone() or (0.0, 0.0)
    part = position - low
    return float(first) if first == second else float(first) * (1 - part) + float(second) * part


def _beyond(connection: duckdb.DuckDBPyConnection, lower: float, upper: float) -> int:
    found = connection.execute(
        "select coalesce(sum(n), 0)::bigint from g where v < ? or v > ?", [lower, upper]
    ).fetchone()
    return int(found[0]) if found is not None else 0


def _examples(connection: duckdb.DuckDBPyConnection, alias: str, lower: float, upper: float) -> list[dict[str, Any]]:
    numbers, values = connection.execute(
        f"select min(row, {_EXAMPLES}), arg_min({alias}, row, {_EXAMPLES}) from data "
        f"where isfinite({alias}::double) and ({alias} < ? or {alias} > ?)",
        [lower, upper],
    ).fetchone() or ([], [])
    return [{"row_number": int(number), "value": as_json(value)} for number, value in zip(numbers, values, strict=True)]
