"""The types that a stored column may have, and the notations in which text cells may spell them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

NULL_TOKENS = ("NA", "N/A", "NULL", "null", "NaN")
"""Texts that mean a missing value where the column's other values are no text; text columns keep them."""

EXACT_INTEGER = 2**53
"""Whole numbers up to here are exact as 64-bit floats."""


class Kind(StrEnum):
    """What a stored column holds."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DATE = "date"
    DATETIME = "datetime"
    DATETIME_UTC = "datetime_utc"
    TIME = "time"
    STRING = "string"

    @property
    def public(self) -> str:
        """The name in the contract, which does not tell datetimes with and without a time zone apart."""
        return "datetime" if self is Kind.DATETIME_UTC else self.value


ARROW_TYPES = {
    Kind.NULL: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.DATETIME: pa.timestamp("us"),
    Kind.DATETIME_UTC: pa.timestamp("us", "UTC"),
    Kind.TIME: pa.time64("us"),
    Kind.STRING: pa.string(),
}


class Notation(StrEnum):
    """One way to spell values as text; two notations may spell the same kind."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DATE = "date"
    DATETIME = "datetime"
    DATETIME_UTC = "datetime_utc"
    TIME = "time"
    DAY_FIRST_DATE = "day_first_date"
    MONTH_FIRST_DATE = "month_first_date"
    DAY_FIRST_DATETIME = "day_first_datetime"
    MONTH_FIRST_DATETIME = "month_first_datetime"
    DECIMAL_COMMA = "decimal_comma"
    THOUSANDS = "thousands"


TEMPORAL_NOTATIONS = (Notation.DATE, Notation.DATETIME, Notation.DATETIME_UTC, Notation.TIME)

_NUMBERS = frozenset({Notation.INTEGER, Notation.FLOAT, Notation.DECIMAL_COMMA, Notation.THOUSANDS})
COMPATIBLE = {notation: frozenset({notation}) for notation in Notation} | {
    Notation.INTEGER: _NUMBERS,
    Notation.FLOAT: frozenset({Notation.FLOAT, Notation.THOUSANDS}),
    Notation.DECIMAL_COMMA: frozenset({Notation.DECIMAL_COMMA, Notation.THOUSANDS}),
    Notation.DAY_FIRST_DATE: frozenset({Notation.DAY_FIRST_DATE, Notation.MONTH_FIRST_DATE}),
    Notation.DAY_FIRST_DATETIME: frozenset({Notation.DAY_FIRST_DATETIME, Notation.MONTH_FIRST_DATETIME}),
}
"""After all values of a block were spelled in one notation: the notations that the whole column may still be in."""


@dataclass
class Evidence:
    """What the values of a column showed on the way; decides ambiguous notations and becomes notes."""

    decimal_comma: bool = False
    """A comma that can only be a decimal comma, such as 3,5."""
    thousands: bool = False
    """A comma that can only group thousands, such as 1,234,567 or 1,234.5."""
    fraction: bool = False
    """Grouped numbers with a fraction."""
    ambiguous: bool = False
    """Only commas such as 1,234, which may be either."""
    leading_zeros: bool = False
    """Whole numbers that begin with 0, such as 00123."""
    beyond_int64: bool = False
    """Whole numbers that neither a 64-bit integer nor a float holds exactly."""
    day_first: bool = False
    """A date that can only begin with its day, such as 31/12/2024 or 01.02.2024."""
    month_first: bool = False
    """A date that can only begin with its month, such as 12/31/2024."""


def parse(notation: Notation, cells: pa.Array, evidence: Evidence) -> pa.Array | None:
    """The cells as values, or None when one present cell is not spelled so; ``evidence`` learns on the way."""
    return _PARSERS[notation](cells, evidence)


def _cast(cells: pa.Array, target: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(cells, target)
    except pa.ArrowInvalid:
        return None


def _all(flags: pa.Array) -> bool:
    """True when every value that is present is true."""
    return pc.all(flags, min_count=0).as_py() is not False


def _any(flags: pa.Array) -> bool:
    return pc.any(flags, min_count=0).as_py() is True


def _boolean(cells: pa.Array, _evidence: Evidence) -> pa.Array | None:
    shortest, longest = _lengths(cells)
    if shortest < 4 or longest > 5:
        return None
    lowered = pc.utf8_lower(cells)
    if not _all(pc.is_in(pc.drop_null(lowered), pa.array(["true", "false"]))):
        return None
    return pc.equal(lowered, "true")


def _integer(cells: pa.Array, evidence: Evidence) -> pa.Array | None:
    values = _cast(cells, pa.int64())
    if values is None:
        return None
    # What the cast takes and is no plain number begins with 0: leading zeros, hexadecimal, and -0.
    zeros = pc.starts_with(cells, "0")
    if (_any(zeros) and _any(pc.and_not(zeros, pc.equal(cells, "0")))) or _any(pc.starts_with(cells, "-0")):
        evidence.leading_zeros = evidence.leading_zeros or _any(pc.match_substring_regex(cells, "^-?0[0-9]"))
        return None
    return values


def _float(cells: pa.Array, evidence: Evidence) -> pa.Array | None:
    values = _cast(cells, pa.float64())
    if values is None:
        return None
    for sign in ("", "-"):
        zeros = pc.starts_with(cells, sign + "0")
        if not _any(zeros):
            continue
        odd = pc.and_not(zeros, pc.starts_with(cells, sign + "0."))
        if _any(odd) and _any(pc.match_substring_regex(cells.filter(odd), "^-?0[0-9]")):
            evidence.leading_zeros = True
            return None
    plus = pc.starts_with(cells, "+")
    if _any(plus) and _any(pc.match_substring_regex(cells.filter(plus), r"^\+[0-9]*$")):
        return None  # +4915112345 is a telephone number sooner than a quantity
    return values if _within_range(cells, values, evidence) else None


def _within_range(cells: pa.Array, values: pa.Array, evidence: Evidence) -> bool:
    """False for NaN, a literal that overflows to infinity, and a whole number that a float does not hold exactly."""
    total = pc.sum(values).as_py()
    if total is not None and math.isnan(total) and _any(pc.is_nan(values)):
        return False
    extremes = pc.min_max(values).as_py()
    largest = max(abs(extremes["min"] or 0.0), abs(extremes["max"] or 0.0))
    if largest < EXACT_INTEGER:
        return True
    infinite = pc.is_inf(values)
    if _any(infinite) and not _all(pc.match_substring_regex(cells.filter(infinite), "(?i)^[+-]?inf(inity)?$")):
        return False
    large = pc.greater_equal(pc.abs(values), float(EXACT_INTEGER))
    if _any(pc.match_substring_regex(cells.filter(large), "^-?[0-9]+$")):
        evidence.beyond_int64 = True
        return False
    return True


def _date(cells: pa.Array, _evidence: Evidence) -> pa.Array | None:
    return _cast(cells, pa.date32()) if _lengths(cells) == (10, 10) else None


def _timestamps(cells: pa.Array, zone: str | None) -> pa.Array | None:
    if _lengths(cells)[0] < len("2020-01-01 10:00"):
        return None
    values = _cast(cells, pa.timestamp("us", zone))
    if values is None and _lengths(cells)[1] > len("2020-01-01 10:00:00.123456"):
        # Nanoseconds are taken when nothing is lost by leaving them out.
        nanoseconds = _cast(cells, pa.timestamp("ns", zone))
        values = _cast(nanoseconds, pa.timestamp("us", zone)) if nanoseconds is not None else None
    return values


def _datetime(cells: pa.Array, _evidence: Evidence) -> pa.Array | None:
    return _timestamps(cells, None)


def _datetime_utc(cells: pa.Array, _evidence: Evidence) -> pa.Array | None:
    return _timestamps(cells, "UTC")


def _time(cells: pa.Array, _evidence: Evidence) -> pa.Array | None:
    shortest, longest = _lengths(cells)
    if shortest < len("10:00") or longest > len("10:00:00.123456"):
        return None
    if not _all(pc.match_substring_regex(cells, "^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$")):
        return None
    values = _cast(pc.binary_join_element_wise("1970-01-01", cells, " "), pa.timestamp("us"))
    return pc.cast(values, pa.time64("us")) if values is not None else None


_SLASHED = r"^[0-9]{1,2}([/.-])[0-9]{1,2}[/.-][0-9]{4}"
_SLASHED_DATE = _SLASHED + "$"
_SLASHED_DATETIME = _SLASHED + r" [0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
_SURELY_DAY_FIRST = r"^[0-9]+[.]|^(1[3-9]|[23][0-9])[/-]"
_SURELY_MONTH_FIRST = r"^[0-9]+[/.-](1[3-9]|[23][0-9])[/.-]"

Parser = Callable[[pa.Array, Evidence], pa.Array | None]


def _ordered(day_first: bool, clock: bool) -> Parser:
    """Reads dates (with a time of day) whose year comes last."""
    order = r"\3-\2-\1" if day_first else r"\3-\1-\2"

    def read(cells: pa.Array, evidence: Evidence) -> pa.Array | None:
        shortest, longest = _lengths(cells)
        if shortest < len("1/1/2024") or longest > len("01/01/2024 10:00:00.123456"):
            return None
        if not _all(pc.match_substring_regex(cells, _SLASHED_DATETIME if clock else _SLASHED_DATE)):
            return None
        if evidence.month_first if day_first else evidence.day_first:
            return None
        text = pc.replace_substring_regex(cells, r"^([0-9])([/.-])", r"0\1\2")
        text = pc.replace_substring_regex(text, r"^([0-9]{2}[/.-])([0-9][/.-])", r"\1" + r"0\2")
        text = pc.replace_substring_regex(text, "^([0-9]{2})[/.-]([0-9]{2})[/.-]([0-9]{4})", order)
        if clock:
            text = pc.replace_substring_regex(text, " ([0-9]):", r" 0\1:")
        values = _cast(text, pa.timestamp("us")) if clock else _cast(text, pa.date32())
        if values is None:
            return None
        if _any(pc.match_substring_regex(cells, _SURELY_DAY_FIRST if day_first else _SURELY_MONTH_FIRST)):
            evidence.day_first = evidence.day_first or day_first
            evidence.month_first = evidence.month_first or not day_first
        return values

    return read


_DECIMAL_COMMA = r"^-?([0-9]{1,3}([.][0-9]{3})+|0|[1-9][0-9]*)(,[0-9]+)?$"
_THOUSANDS = r"^-?([0-9]{1,3}(,[0-9]{3})+|0|[1-9][0-9]*)([.][0-9]+)?$"
_SURELY_DECIMAL_COMMA = r",[0-9]{1,2}$|,[0-9]{4,}$|[0-9]{4,},|^-?0,|[.].*,"
_SURELY_THOUSANDS = r",.*,|,.*[.]"


def _decimal_comma(cells: pa.Array, evidence: Evidence) -> pa.Array | None:
    if not _all(pc.match_substring_regex(cells, _DECIMAL_COMMA)):
        return None
    if _any(pc.match_substring_regex(cells, _SURELY_DECIMAL_COMMA)):
        evidence.decimal_comma = True
    evidence.ambiguous = not evidence.decimal_comma and (evidence.ambiguous or _any(pc.match_substring(cells, ",")))
    plain = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
    return _cast(plain, pa.float64())


def _thousands(cells: pa.Array, evidence: Evidence) -> pa.Array | None:
    if not _all(pc.match_substring_regex(cells, _THOUSANDS)):
        return None
    if _any(pc.match_substring_regex(cells, _SURELY_THOUSANDS)):
        evidence.thousands = True
    evidence.ambiguous = not evidence.thousands and (evidence.ambiguous or _any(pc.match_substring(cells, ",")))
    plain = pc.replace_substring(cells, ",", "")
    integers = None if evidence.fraction else _cast(plain, pa.int64())
    if integers is not None:
        return integers
    evidence.fraction = True
    return _cast(plain, pa.float64())


def _lengths(cells: pa.Array) -> tuple[int, int]:
    """The shortest and the longest present cell in bytes; (0, 0) when none is present."""
    extremes = pc.min_max(pc.binary_length(cells)).as_py()
    return extremes["min"] or 0, extremes["max"] or 0


_PARSERS = {
    Notation.BOOLEAN: _boolean,
    Notation.INTEGER: _integer,
    Notation.FLOAT: _float,
    Notation.DATE: _date,
    Notation.DATETIME: _datetime,
    Notation.DATETIME_UTC: _datetime_utc,
    Notation.TIME: _time,
    Notation.DAY_FIRST_DATE: _ordered(day_first=True, clock=False),
    Notation.MONTH_FIRST_DATE: _ordered(day_first=False, clock=False),
    Notation.DAY_FIRST_DATETIME: _ordered(day_first=True, clock=True),
    Notation.MONTH_FIRST_DATETIME: _ordered(day_first=False, clock=True),
    Notation.DECIMAL_COMMA: _decimal_comma,
    Notation.THOUSANDS: _thousands,
}
