"""What a demand asks of the data: a plan that a compute child carries out."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raia_ingest.quality.expression import Condition, compile_condition
from raia_ingest.quality.kinds import (
    NULL,
    NUMBERS,
    TEMPORAL,
    TEXT,
    TIME,
    Field,
    Table,
    Unfit,
    at,
    check_pattern,
    comparable,
    literal,
)
from raia_ingest.quality.kinds import quoted as _quoted

NEVER = "false"


@dataclass(frozen=True)
class RowPlan:
    """Rows are looked at one by one."""

    fails: str
    """A condition in SQL that is true for the rows that break the rule; unknown ones pass."""


@dataclass(frozen=True)
class UniquePlan:
    """Combinations of values must occur once."""

    keys: Sequence[str]


@dataclass(frozen=True)
class ReferencePlan:
    """Combinations of values must occur in another dataset."""

    keys: Sequence[str]
    other_keys: Sequence[str]


@dataclass(frozen=True)
class FreshnessPlan:
    """The newest value must not be older than a moment."""

    alias: str
    oldest: dt.datetime
    now: dt.datetime
    is_date: bool


@dataclass(frozen=True)
class CrossPlan:
    """A condition between two datasets."""

    keys: Sequence[str]
    other_keys: Sequence[str]
    condition: Condition


Plan = RowPlan | UniquePlan | ReferencePlan | FreshnessPlan | CrossPlan


@dataclass(frozen=True)
class Data:
    """What a demand is compiled against."""

    table: Table
    now: dt.datetime
    other: Table | None = None
    """The other dataset's columns, for demands that name one."""


def plan(check: Mapping[str, Any], data: Data) -> Plan:
    """The plan of a demand (the contract's ``QualityCheck`` as JSON); raises ``Unfit`` when the data cannot meet it."""
    ((kind, demand),) = check.items()
    return _COMPILERS[kind](demand, data)


def kind_of(check: Mapping[str, Any]) -> str:
    """Which demand it is."""
    return next(iter(check))


def other_dataset(check: Mapping[str, Any]) -> tuple[str, int] | None:
    """The other dataset that a demand names, and its version, 0 for the latest."""
    demand = check[kind_of(check)]
    return (demand["dataset_id"], int(demand.get("version", 0))) if "dataset_id" in demand else None


def columns_of(check: Mapping[str, Any]) -> list[str]:
    """The columns of the dataset that a demand names outside expressions."""
    demand = check[kind_of(check)]
    return [demand["column"]] if "column" in demand else list(demand.get("columns", []))


def _not_null(demand: Mapping[str, Any], data: Data) -> Plan:
    parts = []
    for name in demand["columns"]:
        found = data.table.field(name)
        parts.append(f"{found.alias} is null")
        if demand.get("blank_is_missing") and found.kind == TEXT:
            parts.append(rf"regexp_full_match({found.alias}, '\s*')")
    return RowPlan(" or ".join(parts))


def _unique(demand: Mapping[str, Any], data: Data) -> Plan:
    return UniquePlan([data.table.field(name).alias for name in demand["columns"]])


def _range(demand: Mapping[str, Any], data: Data) -> Plan:
    found = data.table.field(demand["column"])
    if found.kind not in NUMBERS | TEMPORAL | {TIME, NULL}:
        raise Unfit(f"range is for numbers, dates and times; {found.name!r} is {found.kind}")
    parts = []
    for bound, sign, strict in (("minimum", "<", "<="), ("maximum", ">", ">=")):
        if demand.get(bound) is not None:
            compared = strict if demand.get(f"exclusive_{bound}") else sign
            parts.append(f"{found.alias} {compared} {literal(demand[bound], found.kind)}")
    if not parts:
        raise Unfit("range takes a minimum, a maximum or both")
    return RowPlan(NEVER if found.kind == NULL else " or ".join(parts))


def _set(demand: Mapping[str, Any], data: Data) -> Plan:
    found = data.table.field(demand["column"])
    if found.kind == NULL:
        return RowPlan(NEVER)
    values = [literal(value, found.kind) for value in demand["values"]]
    subject = found.alias
    if demand.get("ignore_case") and found.kind == TEXT:
        values = [f"lower({value})" for value in values]
        subject = f"lower({subject})"
    sign = "in" if demand.get("forbidden") else "not in"
    return RowPlan(f"{subject} {sign} ({', '.join(values)})")


def _pattern(demand: Mapping[str, Any], data: Data) -> Plan:
    found = data.table.field(demand["column"])
    check_pattern(demand["pattern"])
    function = "regexp_matches" if demand.get("partial") else "regexp_full_match"
    options = ", 'i'" if demand.get("ignore_case") else ""
    matches = f"{function}({found.alias}::varchar, {_quoted(demand['pattern'])}{options})"
    return RowPlan(matches if demand.get("forbidden") else f"not {matches}")


_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ZONE = r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_SPELLED: Mapping[str, str] = {
    "integer": r"[+-]?[0-9]+",
    "email": r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "url": r"(?i)https?://[^\s/?#]+\S*",
    "ipv4": rf"({_OCTET}\.){{3}}{_OCTET}",
    "boolean": "(?i)true|false",
}
_OWN: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"integer"}),
    "float": NUMBERS,
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
    "time": frozenset({"time"}),
}
"""Kinds of columns whose every value is of the type, by how they are stored."""
_FORMAT = re.compile(r"(?:%-?[aAbBdmyYHIMSfpjzZ]|%%|[^%])+")


def _type(demand: Mapping[str, Any], data: Data) -> Plan:
    found = data.table.field(demand["column"])
    wanted, form = demand["type"], demand.get("format", "")
    if form and (wanted not in ("date", "datetime", "time") or not _FORMAT.fullmatch(form)):
        raise Unfit('a format is for dates and times, such as "%d.%m.%Y"')
    if found.kind == NULL or (found.kind in _OWN.get(wanted, ()) and not form):
        return RowPlan(NEVER)
    text = found.alias if found.kind == TEXT else f"{found.alias}::varchar"
    return RowPlan(f"{text} is not null and not ({_spelled(wanted, form, text)})")


def _spelled(wanted: str, form: str, text: str) -> str:
    if form:
        return f"try_strptime({text}, {_quoted(form)}) is not null"
    if wanted in _SPELLED:
        return f"regexp_full_match({text}, {_quoted(_SPELLED[wanted])})"
    if wanted == "float":
        return f"try_cast({text} as double) is not null"
    if wanted == "json":
        return f"json_valid({text})"
    pattern, cast = {
        "date": (_DATE, f"try_cast({text} as date)"),
        "time": (_TIME, f"try_cast({text} as time)"),
        # The clock is read by itself: a zone changes the moment, not whether there is one.
        "datetime": (
            f"{_DATE}[T ]{_TIME}{_ZONE}",
            f"try_cast(regexp_extract({text}, '^.{{16}}(:[0-9.]+)?') as timestamp)",
        ),
    }[wanted]
    return f"regexp_full_match({text}, {_quoted(pattern)}) and {cast} is not null"


def _length(demand: Mapping[str, Any], data: Data) -> Plan:
    found = data.table.field(demand["column"])
    if found.kind not in (TEXT, NULL):
        raise Unfit(f"length is for texts; {found.name!r} is {found.kind}")
    least, most = demand.get("minimum"), demand.get("maximum")
    if least is None and most is None:
        raise Unfit("length takes a minimum, a maximum or both")
    if least is not None and most is not None and int(least) > int(most):
        raise Unfit("the minimum is greater than the maximum")
    parts = [] if least is None else [f"length({found.alias}) < {int(least)}"]
    parts += [] if most is None else [f"length({found.alias}) > {int(most)}"]
    return RowPlan(NEVER if found.kind == NULL else " or ".join(parts))


def _keys(demand: Mapping[str, Any], data: Data) -> tuple[list[str], list[str]]:
    """The keys of this table and of the other, in SQL; raises ``Unfit`` when they cannot be the same."""
    if data.other is None:
        raise Unfit("the other dataset is not there")
    names = list(demand.get("columns", []))
    others = list(demand.get("referenced_columns", [])) or names
    if len(names) != len(others):
        raise Unfit(f"there are {len(names)} columns and {len(others)} referenced columns")
    here = [data.table.field(name) for name in names]
    there = [data.other.field(name) for name in others]
    for one, two in zip(here, there, strict=True):
        if not comparable(one.kind, two.kind):
            raise Unfit(f"{one.name!r} is {one.kind} and {two.name!r} of the other dataset is {two.kind}")
    return [field.alias for field in here], [field.alias for field in there]


def _reference(demand: Mapping[str, Any], data: Data) -> Plan:
    return ReferencePlan(*_keys(demand, data))


def seconds(duration: str) -> float:
    """Seconds of a duration as JSON has it, such as ``"86400s"``."""
    return float(duration.removesuffix("s"))


def _freshness(demand: Mapping[str, Any], data: Data) -> Plan:
    found: Field = data.table.field(demand["column"])
    if found.kind not in TEMPORAL | {NULL}:
        raise Unfit(f"freshness is for dates and times; {found.name!r} is {found.kind}")
    try:
        oldest = data.now - dt.timedelta(seconds=seconds(demand["maximum_age"]))
    except OverflowError as error:
        raise Unfit("the greatest age is longer than time itself") from error
    is_date = found.kind == "date"
    if not demand.get("each_row"):
        return FreshnessPlan(found.alias, oldest, data.now, is_date)
    if found.kind == NULL:
        return RowPlan(NEVER)
    bound = f"DATE '{oldest.date().isoformat()}'" if is_date else at(oldest)
    return RowPlan(f"{found.alias} < {bound}")


def _row_condition(demand: Mapping[str, Any], data: Data) -> Plan:
    return RowPlan(f"not {compile_condition(demand['expression'], data.table, data.now).sql}")


def _cross_table(demand: Mapping[str, Any], data: Data) -> Plan:
    keys, other_keys = _keys(demand, data)
    condition = compile_condition(demand["expression"], data.table, data.now, data.other)
    if not condition.other:
        raise Unfit('the expression names no column of the other dataset: write "other." before it')
    if condition.here and condition.uses_columns:
        raise Unfit("the expression mixes single values and aggregates of this dataset: use one or the other")
    if not keys and condition.uses_columns:
        raise Unfit("without columns to join by, the expression can use aggregates alone")
    return CrossPlan(keys, other_keys, condition)


_COMPILERS: Mapping[str, Callable[[Mapping[str, Any], Data], Plan]] = {
    "not_null": _not_null,
    "unique": _unique,
    "range": _range,
    "set": _set,
    "pattern": _pattern,
    "type": _type,
    "length": _length,
    "reference": _reference,
    "freshness": _freshness,
    "row_condition": _row_condition,
    "cross_table": _cross_table,
}
