"""Checks the fields of records that come by a stream, and brings their values to the types of the columns."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_EXACT = 2**53
_DIGITS = 19

Check = Callable[[Any], Any]


class Unfit(Exception):
    """A value is not as the schema says."""

    def __init__(self, code: str, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.field = code, reason, field


def check_of(field: Mapping[str, Any]) -> Check:
    """What brings a value that is present to the type of its column; it raises ``Unfit``."""
    convert = _CONVERT[field["type"]]
    if field["type"] in ("integer", "float") and ("minimum" in field or "maximum" in field):
        return _ranged(convert, field.get("minimum", -math.inf), field.get("maximum", math.inf))
    if field["type"] == "string" and (field.get("allowed") or field.get("max_length")):
        return _limited(convert, frozenset(field.get("allowed", ())), int(field.get("max_length", 0)))
    return convert


def _ranged(convert: Check, low: float, high: float) -> Check:
    def check(value: Any) -> Any:
        number = convert(value)
        if number < low:
            raise Unfit("range", f"{number} is below the minimum {low:.15g}")
        if number > high:
            raise Unfit("range", f"{number} is above the maximum {high:.15g}")
        return number

    return check


def _limited(convert: Check, allowed: frozenset[str], longest: int) -> Check:
    def check(value: Any) -> Any:
        text = convert(value)
        if longest and len(text) > longest:
            raise Unfit("too_long", f"the text has {len(text):,} characters, more than {longest:,}")
        if allowed and text not in allowed:
            raise Unfit("not_allowed", "the text is not among those allowed")
        return text

    return check


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _wrong("a text", value)
    return value


def _integer(value: Any) -> int:
    if type(value) is int:
        number: int = value
    elif _is_whole(value):
        number = int(value)
    else:
        raise _wrong("a whole number", value)
    if not _SMALLEST <= number <= _LARGEST:
        raise Unfit("range", "the number does not fit into 64 bits")
    return number


def _is_whole(value: Any) -> bool:
    """Whether a float is whole beyond doubt, or a text is a number that may fit into 64 bits."""
    if type(value) is float:
        return value.is_integer() and abs(value) < _EXACT
    if type(value) is not str:
        return False
    return value.isascii() and value.removeprefix("-").isdecimal() and len(value) <= _DIGITS + 1


def _float(value: Any) -> float:
    if type(value) is float:
        if not math.isfinite(value):
            raise Unfit("type", "the number is not finite")
        return value + 0.0
    if type(value) is int:
        return float(value)
    raise _wrong("a number", value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong("true or false", value)
    return value


def _date(value: Any) -> date:
    if type(value) is str:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _wrong("a date such as 2026-03-01", value)


def _datetime(value: Any) -> datetime:
    if type(value) is str:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is not None:
            if found.tzinfo is None:
                raise Unfit("type", "the time has no offset from UTC, such as Z or +01:00")
            try:
                return found.astimezone(UTC)
            except OverflowError:
                pass
    raise _wrong("a time such as 2026-03-01T12:00:00Z", value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _wrong(wanted: str, value: Any) -> Unfit:
    return Unfit("type", f"{wanted} is wanted, not {_KINDS.get(type(value), 'this')}")


_KINDS = {str: "this text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"} | {
    dict: "an object"
}
_CONVERT: dict[str, Check] = {
    "string": _string,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
}
