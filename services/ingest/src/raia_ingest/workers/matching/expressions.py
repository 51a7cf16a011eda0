"""How a column's values become those of a field, in SQL: an expression, and what was wrong where it gives nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raia_ingest.workers.matching.dates import FORMATS
from raia_ingest.workers.matching.units import converted, unit_named

SQL_TYPES = {
    "string": "varchar", "integer": "bigint", "float": "double", "boolean": "boolean", "date": "date",
    "datetime": "timestamp", "time": "time",
}  # fmt: skip
"""The types of fields as the database has them."""
_TRUE = "('true', 'yes', 'y', 't', '1', 'x', 'on', '1.0')"
_FALSE = "('false', 'no', 'n', 'f', '0', 'off', '0.0')"
_NUMBERS = frozenset({"integer", "float"})
_WIDEST = 9.2e18


@dataclass(frozen=True)
class Planned:
    """A column on its way into a field."""

    place: int
    """The column's place in the file."""
    column: str
    column_type: str
    entity: str
    field: str
    field_type: str
    required: bool
    key: bool
    closed: bool
    """Whether the field takes listed values alone."""
    conversion: Mapping[str, Any]
    tasks: Mapping[str, str]
    """The algorithm of each task that is run."""

    @property
    def path(self) -> str:
        """``ENTITY.field``."""
        return f"{self.entity}.{self.field}"


def text_of(plan: Planned) -> str:
    """The column's value as text; blanks alone are missing."""
    return f"nullif(trim(s.c{plan.place}::varchar), '')"


def value_of(plan: Planned, at: int) -> str:
    """The value as the field has it; null where there is none or it cannot be converted."""
    text = text_of(plan)
    if plan.closed:
        return f"try_cast(map{at}.target as {SQL_TYPES[plan.field_type]})"
    if plan.field_type in _NUMBERS:
        return _number(plan, text)
    if plan.field_type == "boolean":
        return f"case when lower({text}) in {_TRUE} then true when lower({text}) in {_FALSE} then false end"
    if plan.field_type in ("date", "datetime", "time"):
        return _moment(plan, text)
    return text


def problem_of(plan: Planned, at: int) -> str:
    """What is wrong with the value, as a reason; null when nothing is."""
    told = {"boolean": "not_a_boolean", "date": "not_a_date", "datetime": "not_a_date", "time": "not_a_time"}
    missing = f"when {text_of(plan)} is null then null"
    if plan.closed:
        return (
            f"case {missing} when v{at} is null then 'unknown_value' when not map{at}.sure then 'corrected_value' end"
        )
    if plan.field_type == "string":
        return "null"
    reason = "not_a_number" if plan.field_type in _NUMBERS else told[plan.field_type]
    return f"case {missing} when v{at} is null then '{reason}' end"


def _number(plan: Planned, text: str) -> str:
    if plan.column_type in _NUMBERS:
        value = f"s.c{plan.place}::double"
    else:
        plain = f"regexp_replace({text}, '[\\s_''’$€£¥%]', '', 'g')"
        value = (
            f"coalesce(try_cast({text} as double), try_cast({plain} as double), "
            f"try_cast(case when regexp_matches({plain}, '^-?\\d{{1,3}}(,\\d{{3}})+(\\.\\d+)?$') "
            f"then replace({plain}, ',', '') end as double))"
        )
    value = _scaled(plan, value)
    finite = f"case when isfinite({value}) then {value} end"
    if plan.field_type == "float":
        return finite
    return f"case when abs({value}) < {_WIDEST} and {value} = round({value}) then {value}::bigint end"


def _scaled(plan: Planned, value: str) -> str:
    if plan.tasks.get("normalisation") != "unit_conversion":
        return value  # switched off
    source = unit_named(str(plan.conversion.get("source_unit", "")))
    target = unit_named(str(plan.conversion.get("target_unit", "")))
    if source is not None and target is not None and source != target and source.dimension == target.dimension:
        zero = converted(0.0, source, target)
        slope = converted(1.0, source, target) - zero
        return f"({value} * {slope!r} + {zero!r})"
    factor = float(plan.conversion.get("factor") or 0)
    return f"({value} * {factor!r})" if factor else value


def _moment(plan: Planned, text: str) -> str:
    target = SQL_TYPES[plan.field_type]
    if plan.column_type in ("date", "datetime", "time"):
        return f"try_cast(s.c{plan.place} as {target})"
    if plan.field_type == "time":
        return f"try_cast({text} as time)"
    order = str(plan.conversion.get("date_format") or "iso")
    formats = ", ".join("'" + each.replace("'", "''") + "'" for each in FORMATS.get(order, FORMATS["iso"]))
    parsed = f"try_strptime({text}, [{formats}])"
    if order == "iso":
        parsed = f"coalesce({parsed}, try_cast({text} as timestamp))"
    if plan.column_type in _NUMBERS:
        parsed = f"case when s.c{plan.place} between 10000101 and 99991231 then {parsed} end"
    return f"try_cast({parsed} as {target})"
