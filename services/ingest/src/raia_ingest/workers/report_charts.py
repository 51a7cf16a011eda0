"""The charts of a report, from its figures alone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from raia_ingest.workers import figures

_MOST_COLUMNS = 12
_WIDEST_MATRIX = 30
_MOST_BARS = 40
_TIMES = ("date", "datetime")
_SKIPPED = ("identifier", "uuid", "free_text", "email", "phone", "iban", "payment_card", "person_name", "address")
"""Meanings whose single values say nothing about the whole, and may be somebody's."""
_CATEGORIES = ("category", "boolean", "country", "currency")

Chart = dict[str, Any]


def charts(profile: Mapping[str, Any], analysis: Mapping[str, Any], series: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Charts in reading order; ``series`` holds what is to be drawn of each time series."""
    profiles = profile["columns"]
    return [
        *_missing(profiles),
        *islice(_distributions(profiles), _MOST_COLUMNS),
        *islice(_categories(profiles), _MOST_COLUMNS),
        *_correlations(profile),
        *_associations(analysis["associations"]),
        *_outliers(profiles),
        *islice(
            (_time_series(each, drawn) for each, drawn in zip(analysis["seasonal_outliers"], series, strict=True)), 4
        ),
        *_drift(analysis.get("drift")),
    ]


def _chart(kind: str, title: str, columns: Sequence[str], figure: figures.Figure) -> Chart:
    return {"kind": kind, "title": title, "columns": list(columns), "figure": figure}


def _missing(profiles: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    lacking = sorted((each for each in profiles if each["missing_count"]), key=lambda each: -each["missing_fraction"])
    if lacking:
        shown = lacking[:_MOST_BARS]
        title = "Missing values by column"
        trace = figures.lying_bars([each["name"] for each in shown], [each["missing_fraction"] for each in shown])
        layout = {"xaxis": {"tickformat": ".0%", "range": [0, 1]}, "yaxis": {"autorange": "reversed"}}
        yield _chart(
            "missing", title, [each["name"] for each in shown], figures.figure([trace], title, "missing", "", **layout)
        )


def _distributions(profiles: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    for each in profiles:
        if len(each["histogram"]) > 1 and (each.get("semantics") or {}).get("type") not in _SKIPPED:
            moments = each["type"] in _TIMES
            bins = [(bin_["lower"], bin_["upper"], bin_["count"]) for bin_ in each["histogram"]]
            axis = {"xaxis": {"type": "date"}} if moments else {}
            title = f"Distribution of {each['name']}"
            drawn = figures.figure([figures.bins(bins, moments=moments)], title, each["name"], "rows", bargap=0, **axis)
            yield _chart("distribution", title, [each["name"]], drawn)


def _categories(profiles: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    for each in profiles:
        meaning = (each.get("semantics") or {}).get("type", "")
        few = meaning in _CATEGORIES or 1 < each["distinct_count"] <= 50
        if each["type"] in ("string", "boolean") and few and meaning not in _SKIPPED and each["top_values"]:
            top = each["top_values"][:10]
            title = f"Most frequent values of {each['name']}"
            trace = figures.lying_bars([str(value["value"])[:60] for value in top], [value["count"] for value in top])
            drawn = figures.figure([trace], title, "rows", "", yaxis={"autorange": "reversed", "type": "category"})
            yield _chart("categories", title, [each["name"]], drawn)


def _correlations(profile: Mapping[str, Any]) -> Iterator[Chart]:
    names = list(dict.fromkeys(name for pair in profile["correlations"] for name in (pair["left"], pair["right"])))
    names = names[:_WIDEST_MATRIX]
    if len(names) < 2:
        return
    known = {(pair["left"], pair["right"]): pair.get("coefficient") for pair in profile["correlations"]}
    z = [
        [1.0 if left == right else known.get((left, right), known.get((right, left))) for left in names]
        for right in names
    ]
    title = "Correlations of numbers"
    trace = figures.heatmap(names, names, z, zmin=-1, zmax=1, colorscale="RdBu", reversescale=True)
    yield _chart("correlation", title, names, figures.figure([trace], title, yaxis={"autorange": "reversed"}))


def _associations(found: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    if found:
        shown = found[:20]
        title = "Strongest associations"
        trace = figures.lying_bars(
            [f"{each['left']} – {each['right']}" for each in shown], [each["coefficient"] for each in shown]
        )
        layout = {"xaxis": {"range": [0, 1]}, "yaxis": {"autorange": "reversed"}}
        names = list(dict.fromkeys(name for each in shown for name in (each["left"], each["right"])))
        yield _chart("association", title, names, figures.figure([trace], title, "coefficient", "", **layout))


def _outliers(profiles: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    found = []
    for each in profiles:
        outliers, numeric = each.get("outliers"), each.get("numeric")
        if outliers and numeric and outliers["low_count"] + outliers["high_count"]:
            found.append((outliers["low_count"] + outliers["high_count"], each))
    if found:
        found.sort(key=lambda pair: -pair[0])
        names = [each["name"] for _, each in found[:_MOST_BARS]]
        title = "Values far from the median by column"
        trace = figures.lying_bars(names, [count for count, _ in found[:_MOST_BARS]])
        drawn = figures.figure([trace], title, "values", "", yaxis={"autorange": "reversed"})
        yield _chart("outliers", title, names, drawn)


def _time_series(found: Mapping[str, Any], drawn: Mapping[str, Any]) -> Chart:
    title = f"{found['value_column']} by {found['time_column']}"
    far = drawn["outliers"]
    traces = [
        figures.lines(drawn["time"], drawn["value"], "value"),
        figures.lines(drawn["time"], drawn["expected"], "trend and season", line={"dash": "dot"}),
    ]
    if far:
        marked = ([drawn["time"][place] for place in far], [drawn["value"][place] for place in far])
        traces.append(figures.points(*marked, "outliers", marker={"size": 8, "symbol": "circle-open"}))
    names = [found["time_column"], found["value_column"]]
    return _chart("time_series", title, names, figures.figure(traces, title, names[0], names[1]))


def _drift(drift: Mapping[str, Any] | None) -> Iterator[Chart]:
    moved = [each for each in (drift or {}).get("columns", []) if each.get("psi") is not None]
    if drift and moved:
        moved = sorted(moved, key=lambda each: -each["psi"])[:_MOST_BARS]
        title = f"Change since version {drift['previous_version']}"
        trace = figures.lying_bars([each["column"] for each in moved], [each["psi"] for each in moved])
        figure = figures.figure([trace], title, "population stability index", "", yaxis={"autorange": "reversed"})
        yield _chart("drift", title, [each["column"] for each in moved], figure)
