"""Values as SQL of DuckDB: texts are quoted, everything else is spelled by us."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from raia_ingest.recipes.faults import StepFault

SQL_TYPES = {
    "integer": "bigint",
    "float": "double",
    "boolean": "boolean",
    "string": "varchar",
    "date": "date",
    "datetime": "timestamp",
    "time": "time",
    "null": "varchar",
}
_SHORT_LIST = 50
_SPACES = (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F)
SPACES = "".join(map(chr, (*_SPACES, 0x3000, 0xFEFF)))
"""What counts as white space at the ends of texts."""


def text(value: str) -> str:
    """A text literal; NUL, which no SQL may hold, is put in by its number."""
    parts = ["'" + part.replace("'", "''") + "'" for part in value.split("\x00")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def literal(value: Any, type_: str, field: str) -> str:
    """A JSON value as a literal of a column's type; raises ``StepFault`` when it is none."""
    rendered = _LITERALS[type_](value)
    if rendered is None:
        raise StepFault(field, f"{value!r} is no value of a column of type {type_}")
    return rendered


def number(value: float) -> str:
    """A finite float as a literal."""
    return f"{float(value)!r}::double"


def among(expression: str, literals: Sequence[str]) -> str:
    """Whether a value is one of several."""
    # DuckDB makes a join of longer IN lists, which hands rows on in another order; those are sorted afterwards.
    if len(literals) <= _SHORT_LIST:
        return f"list_contains([{', '.join(literals)}], {expression})"
    return f"{expression} in ({', '.join(literals)})"


def trimmed(expression: str) -> str:
    """The text without white space at its ends."""
    return f"trim({expression}, {text(SPACES)})"


def _integer(value: Any) -> str | None:
    if isinstance(value, str) and value.lstrip("-").isdigit() and value.isascii():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return f"({int(value)})::bigint" if -(2**63) < value < 2**63 else None


def _float(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return number(value)


def _boolean(value: Any) -> str | None:
    return ("true" if value else "false") if isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    return text(value) if isinstance(value, str) and "\x00" not in value else None


def _date(value: Any) -> str | None:
    return _iso(value, dt.date.fromisoformat, "date")


def _datetime(value: Any) -> str | None:
    if isinstance(value, str) and value.endswith("Z"):
        value = value[:-1]
    return _iso(value, dt.datetime.fromisoformat, "timestamp")


def _time(value: Any) -> str | None:
    return _iso(value, dt.time.fromisoformat, "time")


def _iso(value: Any, parse: Any, type_: str) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = parse(value)
    except ValueError:
        return None
    if getattr(parsed, "tzinfo", None) is not None:
        return None
    return f"{type_} '{parsed.isoformat()}'"


_LITERALS = {
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "string": _string,
    "null": _string,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
}
