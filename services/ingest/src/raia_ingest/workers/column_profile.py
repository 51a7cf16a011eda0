# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""The statistics of one column, from a table of its distinct values and their counts."""

import datetime as dt
import math
from itertools import pairwise
from typing import Any

import duckdb

from raia_ingest.workers import outliers
from raia_ingest.workers.kinds import NULL_TOKENS
from raia_ingest.workers.profile_size import shortened
from raia_ingest.workers.semantics import Column, read_meaning

PROBABILITIES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 20
MOST_VARIED = 100_000
"""Texts of more different values are not compared for spellings."""
_TOKENS = ", ".join(f"'{token}'" for token in NULL_TOKENS)


class ColumnProfiler:
    """Profiles one column of the view ``data``.

    The column is grouped once into the temporary table ``g(v, n)``; all else reads that table, which is small for a
    column of few values and spills to disk for one of many.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, alias: str, column: dict[str, str], rows: int) -> None:
        self._connection = connection
        self._alias = alias
        self._name = column["name"]
        self._kind = column["type"]
        self._zone = "Z" if column.get("timezone") else ""
        self._rows = rows

    def profile(self) -> dict[str, Any]:
        """The column's profile, named as in the contract's ``ColumnProfile``."""
        self._connection.execute(
            f"create or replace temp table g as select {self._alias} v, count(*) n from data "
            f"where {self._alias} is not null group by 1"
        )
        infinite = 0
        if self._kind == "float":
            (infinite,) = self._row("select coalesce(sum(n) filter (isinf(v)), 0)::bigint from g")
        distinct, count = self._row("select count(*), coalesce(sum(n), 0)::bigint from g")
        missing = self._rows - count
        profile: dict[str, Any] = {
            "name": self._name,
            "type": self._kind,
            "missing_count": missing,
            "missing_fraction": missing / self._rows if self._rows else 0.0,
            "distinct_count": distinct,
            "infinite_count": infinite,
            "top_values": self._top(),
            "histogram": [],
        }
        if count:
            profile |= self._by_kind(count - infinite, count)
            about = Column(self._name, self._kind, self._rows, count, distinct)
            profile["semantics"] = read_meaning(self._connection, about, profile.get("numeric"))
            if self._kind == "string" and 1 < distinct <= MOST_VARIED:
                profile["variants"] = outliers.variants(self._connection, self._short)
        self._connection.execute("drop table g")
        return profile

    def _by_kind(self, finite: int, count: int) -> dict[str, Any]:
        if self._kind in ("integer", "float"):
            if not finite:
                return {}
            source = "(select v::double v, n from g where isfinite(v::double))"
            return self._numeric(source, finite)
        if self._kind in ("date", "datetime", "time"):
            return self._temporal(count)
        if self._kind == "string":
            return self._text(count)
        return {}

    def _row(self, query: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
        found = self._connection.execute(query, parameters or []).fetchone()
        if found is None:
            raise LookupError(query)
        return tuple(found)

    def _json(self, value: Any) -> Any:
        plain = as_json(value)
        return plain + self._zone if isinstance(value, dt.datetime) else plain

    def _short(self, value: Any) -> Any:
        return shortened(self._json(value))

    def _top(self) -> list[dict[str, Any]]:
        rows = self._connection.execute(f"select v, n from g order by n desc, v limit {TOP}").fetchall()
        return [{"value": shortened(self._json(value)), "count": count} for value, count in rows]

    def _numeric(self, source: str, count: int) -> dict[str, Any]:
        minimum, maximum, zeros, negatives = self._row(
            "select min(v), max(v), coalesce(sum(n) filter (v = 0), 0)::bigint, "
            f"coalesce(sum(n) filter (v < 0), 0)::bigint from {source}"
        )
        quantiles = self._quantiles(source, count)
        median = next(each["value"] for each in quantiles if each["probability"] == 0.5)
        return {
            "outliers": outliers.robust(self._connection, source, count, median, as_json),
            "numeric": {
                "minimum": minimum,
                "maximum": maximum,
                "quantiles": quantiles,
                "zero_count": zeros,
                "negative_count": negatives,
            }
            | self._moments(source, count, minimum, maximum),
            "histogram": self._histogram(source, minimum, maximum),
        }

    def _moments(self, source: str, count: int, minimum: float, maximum: float) -> dict[str, float]:
        """Mean, standard deviation and skewness, in two looks.

        The second look takes differences from the mean of the first: sums of raw powers lose all digits far from zero,
        and the mean itself is rounded, which the sum of the differences mends.
        """
        unit = max(abs(minimum), abs(maximum)) or 1.0
        centre = self._row(f"select fsum(v / ? * n) / {count} from {source}", [unit])[0] * unit
        # Halves, so that no difference of finite numbers overflows.
        half = max(abs(minimum / 2 - centre / 2), abs(maximum / 2 - centre / 2)) or 1.0
        first, squares, cubes = self._row(
            f"select fsum(d * n) / {count}, fsum(d * d * n) / {count}, fsum(d * d * d * n) / {count} from "
            f"(select (v / 2 - ?) / ? d, n from {source})",
            [centre / 2, half],
        )
        second = max(0.0, squares - first * first)
        third = cubes - 3 * first * squares + 2 * first**3
        moments = {"mean": centre + first * half * 2}
        if count >= 2:
            moments["standard_deviation"] = math.sqrt(second * count / (count - 1)) * half * 2
        if count >= 3 and second > 0:
            moments["skewness"] = third / second**1.5 * math.sqrt(count * (count - 1)) / (count - 2)
        return {name: value for name, value in moments.items() if math.isfinite(value)}

    def _quantiles(self, source: str, count: int) -> list[dict[str, float]]:
        """Linear interpolation between the two order statistics around each position (the default of numpy)."""
        positions = [probability * (count - 1) for probability in PROBABILITIES]
        wanted = sorted({rank for position in positions for rank in (math.floor(position), math.ceil(position))})
        conditions = ", ".join(f"min(v) filter (upto > {rank})" for rank in wanted)
        values = dict(
            zip(
                wanted,
                self._row(f"select {conditions} from (select v, sum(n) over (order by v) upto from {source})"),
                strict=True,
            )
        )
        quantiles = []
        for probability, position in zip(PROBABILITIES, positions, strict=True):
            low, high = values[math.floor(position)], values[math.ceil(position)]
            part = position - math.floor(position)
            value = low if low == high else low * (1 - part) + high * part
            quantiles.append({"probability": probability, "value": value})
        return quantiles

    def _histogram(self, source: str, minimum: float, maximum: float) -> list[dict[str, Any]]:
        edges = _edges(minimum, maximum)
        inner = edges[1:-1]
        # Values are compared with the very edges that are shown, so that no rounding puts one in a bin beside them.
        conditions = " + ".join(f"(v >= {edge!r}::double)::int" for edge in inner) or "0"
        rows = self._connection.execute(f"select {conditions} b, sum(n)::bigint from {source} group by 1").fetchall()
        counts = dict(rows)
        return [
            {"lower": lower, "upper": upper, "count": counts.get(position, 0)}
            for position, (lower, upper) in enumerate(pairwise(edges))
        ]

    def _temporal(self, _count: int) -> dict[str, Any]:
        first, last = self._row("select min(v), max(v) from g")
        seconds = {
            "date": "epoch(v::timestamp)",
            "datetime": "epoch_us(v)::double / 1000000",
            "time": "epoch(v)",
        }[self._kind]
        source = f"(select {seconds} v, n from g)"
        minimum, maximum = self._row(f"select min(v), max(v) from {source}")
        return {
            "temporal": {"minimum": self._json(first), "maximum": self._json(last)},
            "histogram": self._histogram(source, minimum, maximum),
        }

    def _text(self, count: int) -> dict[str, Any]:
        shortest, longest, total, blank, tokens, numbers = self._row(
            "select min(length(v)), max(length(v)), sum(length(v) * n), "
            "coalesce(sum(n) filter (regexp_full_match(v, '\\s*')), 0)::bigint, "
            f"coalesce(sum(n) filter (v in ({_TOKENS})), 0)::bigint, "
            "coalesce(sum(n) filter (try_cast(v as double) is not null), 0)::bigint from g"
        )
        return {
            "text": {
                "minimum_length": shortest,
                "maximum_length": longest,
                "mean_length": int(total) / count,
                "blank_count": blank,
            },
            "null_like_count": tokens,
            "number_like_count": numbers,
            "present_count": count,
        }


def _edges(minimum: float, maximum: float) -> list[float]:
    if minimum == maximum:
        return [minimum, maximum]
    step = maximum / BINS - minimum / BINS
    edges = [minimum + step * position for position in range(BINS)] + [maximum]
    return edges if all(low < high for low, high in pairwise(edges)) else [minimum, maximum]


def as_json(value: Any) -> Any:
    """A value as JSON has it: dates and times as ISO 8601, integers beyond 2^53 and infinities as text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
