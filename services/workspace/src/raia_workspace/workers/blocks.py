"""The blocks that a document is made of, and how values read in them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

Block = dict[str, Any]
MOST_BARS = 20


def text(words: str) -> Block:
    """A paragraph."""
    return {"kind": "text", "text": words}


def note(words: str, tone: str) -> Block:
    """A finding; ``tone`` is good, warn or bad."""
    return {"kind": "note", "text": words, "tone": tone}


def facts(*rows: tuple[str, str]) -> Block:
    """Names and values; those without a value are left out."""
    return {"kind": "facts", "rows": [list(row) for row in rows if row[1]]}


def table(columns: list[str], rows: list[list[str]], align: str, *, small: bool = False) -> Block:
    """A table; ``align`` holds l, c or r for each column."""
    return {"kind": "table", "columns": columns, "rows": rows, "align": list(align), "small": small}


def bars(values: Iterable[tuple[str, float]]) -> Block:
    """Bars by name, the longest for the largest absolute value, negative ones marked; at most ``MOST_BARS``."""
    shown = list(values)
    largest = max((abs(value) for _, value in shown if isfinite(value)), default=0.0) or 1.0
    rows = [
        [name, number(value), abs(value) / largest if isfinite(value) else 0.0, value < 0]
        for name, value in shown[:MOST_BARS]
    ]
    return {"kind": "bars", "rows": rows, "more": max(0, len(shown) - MOST_BARS)}


def source(kind: str, record_id: str, detail: str = "") -> Block:
    """The record that the figures above rest on."""
    return {"kind": "source", "record": kind, "id": record_id, "detail": detail}


def number(value: Any) -> str:
    """A number with four significant digits, whole ones in full; a dash when there is none."""
    if value is None:
        return "–"
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return str(value)
    if not isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    plain = 1e-3 <= abs(float(value)) < 1e6
    return f"{float(value):,.4g}" if plain else f"{float(value):.3e}"


def percent(value: Any) -> str:
    """A share in per cent with one decimal; a dash when there is none."""
    return "–" if value is None else f"{float(value) * 100:.1f} %"


def interval(value: Mapping[str, Any]) -> str:
    """The ends of an interval."""
    return f"{number(value['lower'])} to {number(value['upper'])}"


def time(value: str) -> str:
    """A time to the minute, in UTC; empty when there is none."""
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if value else ""
