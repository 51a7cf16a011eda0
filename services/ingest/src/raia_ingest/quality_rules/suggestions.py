"""Rules that a profile speaks for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from raia_ingest.quality_rules.domain import RuleSpec, spec_of

_FEW_VALUES = 20
"""Distinct values up to which a text column is taken for a set of codes."""
_ROWS_PER_VALUE = 20
"""Rows a value must have on average before a set of codes is believed."""
_LEAST_ROWS = 20
"""Rows below which nothing is suggested: chance looks like order there."""
_LEAST_SHARE = 0.99

Column = Mapping[str, Any]


@dataclass(frozen=True)
class Suggestion:
    """A rule and what speaks for it."""

    rule: RuleSpec
    justification: str
    confidence: float


def suggest(profile: Mapping[str, Any], rows: int) -> list[Suggestion]:
    """What the profile of a version with ``rows`` rows speaks for, surest first."""
    if rows < _LEAST_ROWS:
        return []
    found = [each for column in profile["columns"] for look in _LOOKS for each in look(column, rows)]
    if profile.get("duplicate_row_count", 1) == 0 and 1 < len(profile["columns"]) <= 50:
        found += _whole_rows(profile["columns"], rows, found)
    return sorted(found, key=lambda each: -each.confidence)


def without_known(suggestions: Sequence[Suggestion], rules: Sequence[RuleSpec]) -> list[Suggestion]:
    """Those that demand of a column what no rule demands of it already."""
    known = {(rule.kind, _subject(rule)) for rule in rules}
    return [each for each in suggestions if (each.rule.kind, _subject(each.rule)) not in known]


def _subject(rule: RuleSpec) -> str:
    demand = rule.check[rule.kind]
    return repr(demand.get("column") or sorted(demand.get("columns", [])) or demand.get("expression"))


def _suggestion(check: Mapping[str, Any], why: str, confidence: float, *, severity: str = "error") -> Suggestion:
    return Suggestion(spec_of({"check": check, "severity": severity, "description": why}), why, round(confidence, 3))


def _doubt(rows: int) -> float:
    """What chance may still explain: less with more rows."""
    return min(0.4, 3 / math.sqrt(rows))


def _presence(column: Column, rows: int) -> Iterator[Suggestion]:
    name, missing = column["name"], column["missing_count"]
    if missing == 0:
        why = f"{name} has a value in each of {rows:,} rows"
        yield _suggestion({"not_null": {"columns": [name]}}, why, 0.97 - _doubt(rows) / 2)
    elif missing / rows <= 1 - _LEAST_SHARE:
        why = f"{name} lacks a value in {missing:,} of {rows:,} rows only"
        yield _suggestion({"not_null": {"columns": [name]}}, why, 0.55, severity="warning")


def _identity(column: Column, rows: int) -> Iterator[Suggestion]:
    present = rows - column["missing_count"]
    if column["type"] in ("integer", "string") and present == column["distinct_count"] and present >= rows * 0.5:
        named_so = any(part in column["name"].lower() for part in ("id", "key", "number", "code", "nr", "no"))
        why = f"each of the {present:,} values of {column['name']} occurs once"
        confidence = (0.95 if named_so else 0.75) - _doubt(rows) / 2
        yield _suggestion({"unique": {"columns": [column["name"]]}}, why, confidence)


def _codes(column: Column, rows: int) -> Iterator[Suggestion]:
    present, distinct = rows - column["missing_count"], column["distinct_count"]
    values = [entry["value"] for entry in column.get("top_values", [])]
    if column["type"] != "string" or not 1 <= distinct <= _FEW_VALUES or len(values) != distinct:
        return
    if present / distinct < _ROWS_PER_VALUE or any(len(str(value)) > 100 for value in values):
        return
    rarest = min(entry["count"] for entry in column["top_values"])
    why = f"{column['name']} has {distinct} different values in {present:,} rows, the rarest {rarest:,} times"
    confidence = 0.9 - _doubt(present) / 2 - (0.2 if rarest < 3 else 0)
    yield _suggestion(
        {"set": {"column": column["name"], "values": sorted(values)}}, why, confidence, severity="warning"
    )


def _bounds(column: Column, rows: int) -> Iterator[Suggestion]:
    numbers = column.get("numeric")
    if not numbers or column["distinct_count"] < 2:
        return
    name, low, high = column["name"], numbers["minimum"], numbers["maximum"]
    present = rows - column["missing_count"]
    if low >= 0 and high <= 1 and column["type"] == "float":
        why = f"all {present:,} values of {name} lie between 0 and 1, like shares"
        yield _suggestion({"range": {"column": name, "minimum": 0, "maximum": 1}}, why, 0.85 - _doubt(present) / 2)
    elif low >= 0:
        why = f"none of the {present:,} values of {name} is negative"
        yield _suggestion({"range": {"column": name, "minimum": 0}}, why, 0.8 - _doubt(present) / 2)


def _lengths(column: Column, rows: int) -> Iterator[Suggestion]:
    text = column.get("text")
    present = rows - column["missing_count"]
    if not text or column["distinct_count"] <= _FEW_VALUES or not text["minimum_length"]:
        return
    if text["minimum_length"] == text["maximum_length"]:
        length = text["minimum_length"]
        why = f"all {present:,} texts of {column['name']} have {length} characters"
        demand = {"column": column["name"], "minimum": length, "maximum": length}
        yield _suggestion({"length": demand}, why, 0.9 - _doubt(present) / 2)


def _spelling(column: Column, _rows: int) -> Iterator[Suggestion]:
    """Types that the first of the frequent values share."""
    if column["type"] != "string" or column["distinct_count"] < 5:
        return
    values = [str(entry["value"]) for entry in column.get("top_values", [])]
    for kind, looks_so in (("email", _is_email), ("uuid", _is_uuid), ("url", _is_url)):
        if values and all(looks_so(value) for value in values):
            why = f"the {len(values)} most frequent values of {column['name']} are spelled like {kind}"
            yield _suggestion({"type": {"column": column["name"], "type": kind}}, why, 0.8, severity="warning")


def _past(column: Column, rows: int) -> Iterator[Suggestion]:
    """Dates that were all in the past stay there."""
    today = datetime.now(UTC).date().isoformat()
    last = (column.get("temporal") or {}).get("maximum", "")
    if column["type"] in ("date", "datetime") and last and column["missing_count"] < rows:
        name = column["name"].replace('"', '""')
        sense = "today()" if column["type"] == "date" else "now()"
        if last[:10] <= today:
            why = f"the last value of {column['name']} is {last[:10]}: none lies in the future"
            check = {"row_condition": {"expression": f'"{name}" <= {sense}'}}
            yield _suggestion(check, why, 0.6, severity="warning")


def _whole_rows(columns: Sequence[Column], rows: int, found: Sequence[Suggestion]) -> Iterator[Suggestion]:
    if any(each.rule.kind == "unique" for each in found):
        return
    names = [column["name"] for column in columns]
    why = f"no two of {rows:,} rows are the same"
    yield _suggestion({"unique": {"columns": names}}, why, 0.5, severity="warning")


def _is_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return bool(local and at) and "." in domain and " " not in text and "@" not in domain


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12]


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


_LOOKS: Sequence[Callable[[Column, int], Iterator[Suggestion]]] = (
    _presence,
    _identity,
    _codes,
    _bounds,
    _lengths,
    _spelling,
    _past,
)
