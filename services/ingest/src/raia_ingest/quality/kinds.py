"""Kinds of values in rules, and values written as SQL."""

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

INTEGER, NUMBER, TEXT, BOOLEAN = "integer", "number", "text", "boolean"
DATE, DATETIME, TIME, NULL = "date", "datetime", "time", "null"

_KINDS: Mapping[str, str] = {
    "integer": INTEGER,
    "float": NUMBER,
    "boolean": BOOLEAN,
    "string": TEXT,
    "date": DATE,
    "datetime": DATETIME,
    "time": TIME,
    "null": NULL,
}
NUMBERS = frozenset({INTEGER, NUMBER})
TEMPORAL = frozenset({DATE, DATETIME})


class Unfit(ValueError):
    """A rule does not fit the data: a column is absent or of another kind, or the rule contradicts itself."""


@dataclass(frozen=True)
class Field:
    """A column as rules see it: how SQL calls it and what kind of values it holds."""

    name: str
    alias: str
    kind: str


class Table:
    """The columns of one dataset version, by name."""

    def __init__(self, columns: Sequence[Mapping[str, str]], prefix: str = "c") -> None:
        """``columns``: name and type of each, in order; SQL calls them ``<prefix>0``, ``<prefix>1``, …"""
        self._fields = {
            column["name"]: Field(column["name"], f"{prefix}{place}", _KINDS[column["type"]])
            for place, column in enumerate(columns)
        }
        self._folded = {name.casefold(): name for name in self._fields}
        self._places = {name: place for place, name in enumerate(self._fields)}
        self.used: set[int] = set()
        """The places of the columns that were asked for."""

    def field(self, name: str) -> Field:
        """The column of this name; raises ``Unfit``, with advice when it differs in case alone."""
        found = self._fields.get(name)
        if found is not None:
            self.used.add(self._places[name])
            return found
        near = self._folded.get(name.casefold())
        raise Unfit(f"there is no column {name[:200]!r}" + (f": {near!r} is written differently" if near else ""))


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    if "\x00" in text:
        raise Unfit("a text of a rule holds a NUL character, which no value has")
    return "'" + text.replace("'", "''") + "'"


def number(value: float) -> str:
    """A number as an SQL literal; whole ones of 64 bits are integers."""
    if isinstance(value, bool) or not math.isfinite(value):
        raise Unfit(f"{value} is no number that can be compared")
    if float(value).is_integer() and abs(value) < 2**63:
        return str(int(value))
    return f"{float(value)!r}::double"


def moment(text: str) -> tuple[str, str]:
    """A date or date and time in ISO 8601 as an SQL literal, with its kind; an instant is given in UTC.

    Raises ``Unfit``.
    """
    try:
        if len(text) == 10:
            return f"DATE {quoted(dt.date.fromisoformat(text).isoformat())}", DATE
        value = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit(f"{text[:100]!r} is no date or time in ISO 8601, such as 2024-02-29") from error
    return at(value), DATETIME


def at(value: dt.datetime) -> str:
    """A moment as an SQL literal, in UTC when it knows its zone."""
    plain = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"TIMESTAMP {quoted(plain.isoformat(sep=' '))}"


def literal(value: object, kind: str) -> str:
    """A value of a rule as an SQL literal that compares with a column of ``kind``; raises ``Unfit``."""
    if kind == NULL:
        return "NULL"
    if isinstance(value, bool):
        found = ("true" if value else "false") if kind == BOOLEAN else None
    elif isinstance(value, int | float):
        found = number(value) if kind in NUMBERS else None
    else:
        found = _of_text(str(value), kind) if isinstance(value, str) else None
    if found is None:
        raise Unfit(f"{str(value)[:100]!r} cannot be compared with a column of kind {kind}")
    return found


def _of_text(text: str, kind: str) -> str | None:
    if kind in TEMPORAL:
        return moment(text)[0]
    if kind == TIME:
        try:
            return f"TIME {quoted(dt.time.fromisoformat(text).isoformat())}"
        except ValueError as error:
            raise Unfit(f"{text[:100]!r} is no time, such as 10:30") from error
    if kind in NUMBERS:
        # Integers beyond 2^53 come as text.
        return str(int(text)) if re.fullmatch("-?[0-9]{1,18}", text) else None
    return quoted(text) if kind == TEXT else None


def comparable(left: str, right: str) -> bool:
    """Whether values of the two kinds can be compared as they are."""
    families = (NUMBERS, TEMPORAL)
    return left == right or NULL in (left, right) or any(left in family and right in family for family in families)


def check_pattern(pattern: str) -> None:
    """Raises ``Unfit`` for what is no regular expression, or one that RE2 does not know."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unfit(f"the pattern is no regular expression: {error}") from error
    if re.search(r"(?<!\\)(?:\\\\)*(?:\(\?<?[=!]|\(\?P=|\\[1-9])", pattern):
        raise Unfit("the pattern looks ahead, behind or back at a group, which RE2 syntax does not have")
