# ruff: noqa: S608 - queries are made of column positions and constants, and of conditions whose values are parameters
"""The compute function that draws a chart of a canonical file: aggregated by the database over every row."""

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from raia_ingest.workers import figures
from raia_ingest.workers.column_profile import as_json
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.tables import create_view, opened, row, seconds

_AGGREGATES = {
    "count": "count({})",
    "sum": "sum({})",
    "mean": "avg({})",
    "median": "median({})",
    "min": "min({})",
    "max": "max({})",
    "standard_deviation": "stddev_samp({})",
    "distinct_count": "count(distinct {})",
}
_MOST_SERIES = 12
_MOST_POINTS = 20_000
"""Of all series together; an answer carries at most 4 MiB."""
_MOST_BINS, _WIDEST_HEATMAP = 1000, 300
_LONGEST_LABEL = 80
_TIMES = ("date", "datetime")
_ORDERED = ("integer", "float", "date", "datetime", "time")
_UNITS = (
    ("minute", 60),
    ("hour", 3600),
    ("day", 86_400),
    ("week", 604_800),
    ("month", 2_629_746),
    ("year", 31_556_952),
)


def draw(
    *,
    path: str,
    columns: list[dict[str, str]],
    type: str,
    positions: list[int],
    aggregation: str,
    limit: int,
    where: str,
    parameters: list[Any],
    memory_bytes: int,
    spill_folder: str,
    progress: Any,  # noqa: ARG001 - every compute function takes it
) -> dict[str, Any]:
    """Returns figure, row_count and notes, named as in the contract's ``DatasetChart``.

    ``where`` is a condition over c0, c1, … with ``parameters`` for its question marks.
    """
    with explained(), opened(memory_bytes, spill_folder) as connection:
        create_view(connection, "data", Path(path), columns)
        drawing = _Drawing(connection, columns, positions, aggregation, limit)
        drawing.narrow(where, parameters)
        shapes = {
            "bar": drawing.bar,
            "pie": drawing.pie,
            "line": drawing.line,
            "scatter": drawing.scatter,
            "histogram": drawing.histogram,
            "box": drawing.box,
            "heatmap": drawing.heatmap,
        }
        figure = figures.finite(shapes[type]())
        return {"figure": figure, "row_count": drawing.rows, "notes": drawing.notes}


class _Drawing:
    """One chart of the view ``data``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: Sequence[dict[str, str]],
        positions: list[int],
        aggregation: str,
        limit: int,
    ) -> None:
        self._connection, self._limit, self._aggregation = connection, limit, aggregation
        self._cells = [f"c{position}" for position in positions]
        self._names = [columns[position]["name"] for position in positions]
        self._kinds = [columns[position]["type"] for position in positions]
        self.rows = 0
        self.notes: list[dict[str, str]] = []

    def narrow(self, where: str, parameters: list[Any]) -> None:
        """Keeps the rows that the condition lets through, and of them the columns shown."""
        cells = ", ".join(dict.fromkeys(self._cells))
        if where:
            self._connection.execute(
                f"create or replace temp table shown as select {cells} from data where {where}", parameters
            )
        else:
            self._connection.execute(f"create or replace temp view shown as select {cells} from data")
        (self.rows,) = row(self._connection, "select count(*) from shown")

    def _note(self, kind: str, message: str) -> None:
        self.notes.append({"kind": kind, "column": "", "message": message})

    def _narrow_limit(self, most: int) -> None:
        """Keeps the chart to the size of one answer, whatever was asked for."""
        if self._limit > most:
            self._note("limited", f"{most:,} is the most that such a chart shows")
            self._limit = most

    def _value(self, place: int) -> str:
        """How a category's, point's or cell's value is computed from the column at ``place``, which may be absent."""
        if len(self._cells) <= place:
            return "count(*)"
        cell = self._cells[place]
        if self._kinds[place] in ("integer", "float") and self._aggregation not in ("count", "distinct_count"):
            cell = f"(case when isfinite({cell}::double) then {cell}::double end)"
        return _AGGREGATES[self._aggregation].format(cell) + "::double"

    def _value_title(self, place: int) -> str:
        return f"{self._aggregation.replace('_', ' ')} of {self._names[place]}" if len(self._names) > place else "rows"

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def bar(self) -> figures.Figure:
        """Categories by their value, the greatest first; those of numbers and times in their order."""
        labels, values = self._categories()
        if len(self._cells) < 3:
            traces = [figures.bars(labels, values)]
        else:
            traces = [figures.bars(x, y, name) for name, x, y in self._by_series(self._cells[0], self._limit)]
        return figures.figure(
            traces,
            self._title(1),
            self._names[0],
            self._value_title(1),
            barmode="stack" if len(traces) > 1 else "group",
        )

    def pie(self) -> figures.Figure:
        """Slices, the greatest first; what is beyond the limit is one slice when values add up."""
        labels, values = self._categories()
        if self._aggregation in ("count", "sum"):
            (total,) = row(self._connection, f"select {self._value(1)} from shown")
            rest = (_number(total) or 0) - sum(value or 0 for value in values)
            if self.notes and 0 < rest < math.inf:
                labels, values = [*labels, "others"], [*values, rest]
        return figures.figure([figures.pie(labels, [max(0, value or 0) for value in values])], self._title(1))

    def _categories(self) -> tuple[list[Any], list[Any]]:
        cell = self._cells[0]
        (distinct,) = row(self._connection, f"select count(*) from (select distinct {cell} from shown)")
        if distinct > self._limit:
            self._note("limited", f"the {self._limit:,} greatest of {distinct:,} categories are shown")
        found = self._all(
            f"select {cell}, {self._value(1)} v from shown group by 1 order by v desc nulls last, 1 limit {self._limit}"
        )
        if self._kinds[0] not in ("string", "boolean", "null"):
            found.sort(key=lambda each: (each[0] is None, each[0] if each[0] is not None else 0))
        return [_label(name) for name, _ in found], [_number(value) for _, value in found]

    def _series_values(self) -> list[Any]:
        cell = self._cells[-1]
        found = self._all(
            f"select {cell}, count(*) n from shown group by 1 order by n desc, 1 limit {_MOST_SERIES + 1}"
        )
        if len(found) > _MOST_SERIES:
            self._note("limited", f"the {_MOST_SERIES} most frequent values of {self._names[-1]} are shown")
        return [value for value, _ in found[:_MOST_SERIES]]

    def _by_series(self, key: str, most: int) -> list[tuple[str, list[Any], list[Any]]]:
        """For each series its name, and the keys and values of its points."""
        wanted = self._series_values()
        fewer = max(1, _MOST_POINTS // max(1, len(wanted)))
        if fewer < most:
            self._note("limited", f"at most {fewer:,} points a series are shown")
        order = "2 desc nulls last, 1" if key == self._cells[0] and self._kinds[0] not in _ORDERED else "1"
        traces = []
        for value in wanted:
            found = self._connection.execute(
                f"select {key} k, {self._value(1)} from shown where {self._cells[-1]} is not distinct from ? "
                f"group by 1 order by {order} limit {min(most, fewer)}",
                [value],
            ).fetchall()
            traces.append(
                (str(_label(value)), [_label(each) for each, _ in found], [_number(each) for _, each in found])
            )
        return traces

    def line(self) -> figures.Figure:
        """Values along the first column; times are brought to units of the calendar when there are too many points."""
        key, unit = self._key()
        if len(self._cells) > 2:
            traces = [figures.lines(x, y, name) for name, x, y in self._by_series(key, self._limit)]
        else:
            found = self._all(
                f"select {key} k, {self._value(1)} from shown where {self._cells[0]} is not null group by 1 order by 1 "
                f"limit {self._limit}"
            )
            traces = [figures.lines([_label(each) for each, _ in found], [_number(each) for _, each in found])]
        title = f"{self._names[0]} by {unit}" if unit else self._names[0]
        return figures.figure(traces, self._title(1), title, self._value_title(1))

    def _key(self) -> tuple[str, str]:
        """What points of a line stand for: each value, a unit of time, or an equal part of the range."""
        cell = self._cells[0]
        (distinct,) = row(self._connection, f"select count(distinct {cell}) from shown")
        if distinct <= self._limit:
            return cell, ""
        if self._kinds[0] in _TIMES:
            moment = seconds(self._kinds[0], cell)
            first, last = row(self._connection, f"select min({moment}), max({moment}) from shown")
            unit = next((unit for unit, length in _UNITS if (last - first) / length < self._limit), "year")
            self._note("limited", f"{distinct:,} moments are brought together by {unit}")
            return f"date_trunc('{unit}', {cell})", unit
        if self._kinds[0] in ("integer", "float"):
            low, high = row(
                self._connection, f"select min({cell}), max({cell}) from shown where isfinite({cell}::double)"
            )
            if low is None:
                return cell, ""
            low, step = float(low), (float(high) / self._limit - float(low) / self._limit) or 1.0
            self._note("limited", f"{distinct:,} values are brought together in {self._limit:,} equal steps")
            return f"({low!r}::double + floor(({cell} - {low!r}::double) / {step!r}::double) * {step!r}::double)", ""
        self._note("limited", f"the first {self._limit:,} of {distinct:,} values are shown")
        return cell, ""

    def scatter(self) -> figures.Figure:
        """Points of rows; a sample, the same each time, when there are too many."""
        x, y = (
            seconds(kind, cell) if kind in _TIMES else f"{cell}::double"
            for kind, cell in zip(self._kinds[:2], self._cells[:2], strict=True)
        )
        (count,) = row(self._connection, f"select count(*) from shown where isfinite({x}) and isfinite({y})")
        if count > self._limit:
            self._note("sampled", f"{self._limit:,} of {count:,} points are shown, chosen evenly")
        cells = ", ".join(self._cells)
        found = self._all(
            f"select {cells} from shown where isfinite({x}) and isfinite({y}) "
            f"order by hash({cells}), {self._cells[0]} limit {self._limit}"
        )
        traces = []
        if len(self._cells) > 2:
            for value in self._series_values():
                chosen = [each for each in found if each[2] == value]
                traces.append(figures.points(*_pairs(chosen), str(_label(value))))
        else:
            traces.append(figures.points(*_pairs(found)))
        return figures.figure(traces, f"{self._names[1]} by {self._names[0]}", self._names[0], self._names[1])

    def histogram(self) -> figures.Figure:
        """Counts in bins of equal width over the whole range."""
        self._narrow_limit(_MOST_BINS)
        cell = seconds(self._kinds[0], self._cells[0])
        low, high = row(self._connection, f"select min(v), max(v) from (select {cell} v from shown) where isfinite(v)")
        if low is None:
            return figures.figure([figures.bars([], [])], self._names[0], self._names[0], "rows")
        low, high = float(low), float(high)
        step = (high / self._limit - low / self._limit) or 1.0
        count = self._limit if high > low else 1
        groups: list[tuple[str, str, list[Any]]] = [("", "true", [])]
        if len(self._cells) > 1:
            groups = [
                (str(_label(value)), f"{self._cells[1]} is not distinct from ?", [value])
                for value in self._series_values()
            ]
        traces = []
        for name, where, given in groups:
            found = dict(
                self._connection.execute(
                    f"select least(greatest(floor((v - {low!r}::double) / {step!r}::double), 0), {count - 1})::bigint, "
                    f"count(*) from (select {cell} v, * from shown) where isfinite(v) and {where} group by 1",
                    given,
                ).fetchall()
            )
            cuts = [low * (1 - place / count) + high * (place / count) for place in range(count + 1)]
            edges = [(cuts[place], cuts[place + 1], found.get(place, 0)) for place in range(count)]
            traces.append(figures.bins(edges, name, moments=self._kinds[0] in _TIMES))
        axis = {"xaxis": {"type": "date"}} if self._kinds[0] in _TIMES else {}
        return figures.figure(traces, self._title(1), self._names[0], "rows", barmode="overlay", bargap=0, **axis)

    def box(self) -> figures.Figure:
        """Quartiles, and whiskers to the last value within one and a half times their distance."""
        value = f"{self._cells[-1]}::double"
        group = self._cells[0] if len(self._cells) > 1 else "'all'"
        quartiles = ", ".join(f"{_quantile(part / 4)} q{part}" for part in (1, 2, 3))
        # Counted values with running totals spill to disk; the database's own quantiles keep every value in memory.
        found = self._all(
            f"with s as (select {group} g, {value} v, count(*) n from shown where isfinite({value}) group by all), "
            "u as (select g, v, n, sum(n) over (partition by g order by v) upto, sum(n) over (partition by g) total "
            "from s), "
            f"q as (select g, any_value(total) total, {quartiles}, sum(v * n) / any_value(total) m from u group by g "
            f"order by total desc, g limit {self._limit}) "
            "select q.g, q1, q2, q3, min(v) filter (v >= q1 - 1.5 * (q3 - q1)), "
            "max(v) filter (v <= q3 + 1.5 * (q3 - q1)), m from q join s on s.g is not distinct from q.g "
            "group by q.g, q1, q2, q3, m, total order by total desc, q.g"
        )
        (groups,) = row(self._connection, f"select count(*) from (select distinct {group} from shown)")
        if groups > self._limit:
            self._note("limited", f"the {self._limit:,} most frequent of {groups:,} categories are shown")
        keys = ("q1", "median", "q3", "lowerfence", "upperfence", "mean")
        summary = {key: [_number(each[place + 1]) for each in found] for place, key in enumerate(keys)}
        trace = figures.box([_label(each[0]) for each in found], summary, self._names[-1])
        title = f"{self._names[-1]} by {self._names[0]}" if len(self._names) > 1 else self._names[0]
        return figures.figure([trace], title, self._names[0] if len(self._names) > 1 else "", self._names[-1])

    def heatmap(self) -> figures.Figure:
        """Cells of the most frequent values of two columns."""
        self._narrow_limit(_WIDEST_HEATMAP)
        axes: list[list[Any]] = []
        for cell, name in zip(self._cells[:2], self._names[:2], strict=True):
            (distinct,) = row(self._connection, f"select count(*) from (select distinct {cell} from shown)")
            if distinct > self._limit:
                self._note("limited", f"the {self._limit:,} most frequent of {distinct:,} values of {name} are shown")
            self._connection.execute(
                f"create or replace temp table axis{len(axes)} as select {cell} v, count(*) n from shown "
                f"where {cell} is not null group by 1 order by n desc, 1 limit {self._limit}"
            )
            axes.append([value for (value,) in self._all(f"select v from axis{len(axes)} order by v")])
        x, y = self._cells[:2]
        cells = {
            (left, right): _number(value)
            for left, right, value in self._all(
                f"select {x}, {y}, {self._value(2)} from shown where {x} in (select v from axis0) "
                f"and {y} in (select v from axis1) group by {x}, {y}"
            )
        }
        z = [[cells.get((left, right)) for left in axes[0]] for right in axes[1]]
        trace = figures.heatmap([_label(each) for each in axes[0]], [_label(each) for each in axes[1]], z)
        return figures.figure([trace], self._title(2), self._names[0], self._names[1])

    def _title(self, place: int) -> str:
        return f"{self._value_title(place).capitalize()} by {' and '.join(self._names[:place])}"


def _quantile(probability: float) -> str:
    """A quantile of the values v that occur up to ``upto`` of ``total`` times, by linear interpolation, in SQL."""
    place = f"({probability} * (total - 1))"
    low, high = f"min(v) filter (upto > floor({place}))", f"min(v) filter (upto > ceil({place}))"
    part = f"any_value({place} - floor({place}))"
    return f"({low} * (1 - {part}) + {high} * {part})"


def _pairs(found: list[tuple[Any, ...]]) -> tuple[list[Any], list[Any]]:
    return [_number(each[0]) for each in found], [_number(each[1]) for each in found]


def _label(value: Any) -> Any:
    if value is None:
        return "missing"
    plain = as_json(value)
    return plain[:_LONGEST_LABEL] + "…" if isinstance(plain, str) and len(plain) > _LONGEST_LABEL else plain


def _number(value: Any) -> Any:
    """A number, or a moment as ISO 8601; None for what overflowed, which no axis shows."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else as_json(value)
