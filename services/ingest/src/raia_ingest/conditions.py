"""Filters over a version's own columns: the lists' filter language as SQL that a compute child runs with DuckDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from raia_kit.filter_values import Kind
from raia_kit.filtering import condition
from sqlalchemy import Boolean, ColumnElement, Double, Text, cast, column, true
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import DateTime, TypeEngine

from raia_ingest.datasets.domain import Column

_DIALECT: Any = PGDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]
_EQUALITY = frozenset({"=", "!=", ":"})
_ORDER = _EQUALITY | {"<", "<=", ">", ">="}
_KINDS: dict[str, tuple[str, TypeEngine[Any]]] = {
    "integer": ("number", Double()),
    "float": ("number", Double()),
    "boolean": ("boolean", Boolean()),
    "date": ("time", DateTime()),
    "datetime": ("time", DateTime()),
}


@dataclass(frozen=True)
class Condition:
    """A condition over the columns c0, c1, … with the values of its question marks."""

    sql: str
    parameters: list[Any]


def compile_condition(text: str, columns: Sequence[Column]) -> Condition | None:
    """The condition that ``text`` states over ``columns``; None when it is empty.

    Raises ``InvalidArgument`` (INVALID_FILTER) that names column and position of the fault.
    """
    if not text.strip():
        return None
    found: dict[str, ColumnElement[Any]] = {}
    kinds: dict[str, Kind] = {}
    for position, each in enumerate(columns):
        name, sql_type = _KINDS.get(each.type, ("text", Text()))
        plain: ColumnElement[Any] = column(f"c{position}", sql_type)
        # Times of day have no kind of their own: they compare as the text they are shown as.
        found[each.name] = cast(plain, Text()) if each.type == "time" else plain
        kinds[each.name] = Kind(name, _EQUALITY if name == "boolean" else _ORDER)
    compiled = (condition(text, found, kinds, sorted(found)) & true()).compile(dialect=_DIALECT)
    return Condition(str(compiled), [_plain(compiled.params[name]) for name in getattr(compiled, "positiontup", ())])


def _plain(value: Any) -> Any:
    """Moments without their zone, since stored ones are UTC by definition or have none."""
    return value.replace(tzinfo=None).isoformat(sep=" ") if isinstance(value, datetime) else value
