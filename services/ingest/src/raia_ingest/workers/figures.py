"""Charts as Plotly JSON: plain traces and layouts, which any version of Plotly draws."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Figure = dict[str, Any]

_PALETTE = ["#3366cc", "#dc7a2f", "#2f9e6e", "#a04bc4", "#c23b54", "#7a7a7a", "#c9a227", "#2aa5b8"]


def figure(traces: Sequence[Mapping[str, Any]], title: str, x: str = "", y: str = "", **layout: Any) -> Figure:
    """Traces with a title and titles of the axes."""
    drawn: dict[str, Any] = {"title": {"text": title}, "template": {"layout": {"colorway": _PALETTE}}}
    if x or y:
        drawn |= {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    for name, value in layout.items():
        drawn[name] = {**drawn[name], **value} if isinstance(drawn.get(name), dict) else value
    return {"data": [dict(trace) for trace in traces], "layout": drawn}


def finite(value: Any) -> Any:
    """The figure with nothing in place of what overflowed: JSON has no infinity, and no axis shows it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list) else value


def bars(x: Sequence[Any], y: Sequence[Any], name: str = "", **more: Any) -> dict[str, Any]:
    """Vertical bars."""
    return {"type": "bar", "x": list(x), "y": list(y), **({"name": name} if name else {}), **more}


def lying_bars(labels: Sequence[Any], values: Sequence[Any], **more: Any) -> dict[str, Any]:
    """Horizontal bars, the first on top when the axis is reversed."""
    return {"type": "bar", "orientation": "h", "x": list(values), "y": list(labels), **more}


def lines(x: Sequence[Any], y: Sequence[Any], name: str = "", **more: Any) -> dict[str, Any]:
    """A line through points."""
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), **({"name": name} if name else {}), **more}


def points(x: Sequence[Any], y: Sequence[Any], name: str = "", **more: Any) -> dict[str, Any]:
    """Points."""
    named = {"name": name} if name else {}
    return {"type": "scatter", "mode": "markers", "x": list(x), "y": list(y), **named, **more}


def bins(histogram: Sequence[tuple[float, float, int]], name: str = "", *, moments: bool = False) -> dict[str, Any]:
    """Bins (lower, upper, count) as bars of their very width; ``moments`` are seconds since 1970."""
    scale = 1000 if moments else 1
    middles = [(lower / 2 + upper / 2) * scale for lower, upper, _ in histogram]
    widths = [(upper - lower) * scale for lower, upper, _ in histogram]
    wide = {"width": widths} if all(0 < width < math.inf for width in widths) else {}
    shown = [f"{lower:g} – {upper:g}" for lower, upper, _ in histogram]
    hover = {} if moments else {"customdata": shown, "hovertemplate": "%{customdata}: %{y}<extra></extra>"}
    return bars(middles, [count for *_, count in histogram], name, **wide, **hover)


def heatmap(x: Sequence[Any], y: Sequence[Any], z: Sequence[Sequence[Any]], **more: Any) -> dict[str, Any]:
    """Cells by row (y) and column (x)."""
    return {"type": "heatmap", "x": list(x), "y": list(y), "z": [list(cells) for cells in z], **more}


def box(names: Sequence[Any], summary: Mapping[str, Sequence[float | None]], name: str = "") -> dict[str, Any]:
    """Boxes from what is known of each: q1, median, q3, lowerfence, upperfence, mean."""
    drawn: dict[str, Any] = {
        "type": "box",
        "boxpoints": False,
        **{key: list(values) for key, values in summary.items()},
    }
    drawn["x"] = list(names)
    return drawn | ({"name": name} if name else {})


def pie(labels: Sequence[Any], values: Sequence[Any]) -> dict[str, Any]:
    """Slices."""
    return {"type": "pie", "labels": list(labels), "values": list(values), "sort": False}
