"""The functions of expressions; each is missing for a row in which it cannot be computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from raia_ingest.recipes.sql import trimmed

Render = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Function:
    """How many operands of which types, what it gives and how it is spelled."""

    takes: tuple[str, ...]
    gives: str
    """A type; empty when it is the first operand's."""
    render: Render
    least: int
    most: int
    alike: bool = False
    """Whether its operands are all of one type, which it gives too."""


def _plain(name: str) -> Render:
    return lambda operands: f"{name}({', '.join(operands)})"


def _float(name: str) -> Render:
    """A function of floats that fails outside its domain."""
    return lambda operands: f"nullif(try({name}({', '.join(f'({each})::double' for each in operands)})), 'nan'::double)"


def _part(name: str) -> Render:
    return lambda operands: f"{name}({operands[0]})::bigint"


def _round(operands: Sequence[str]) -> str:
    digits = operands[1] if len(operands) > 1 else "0"
    return f"round(({operands[0]})::double, ({digits})::integer)"


def _whole(name: str) -> Render:
    return lambda operands: f"try_cast({name}(({operands[0]})::double) as bigint)"


def _days_between(operands: Sequence[str]) -> str:
    return f"date_diff('day', ({operands[0]})::date, ({operands[1]})::date)::bigint"


def _add_days(operands: Sequence[str]) -> str:
    return f"try_cast(try(({operands[0]})::date + ({operands[1]})::integer) as date)"


def _substring(operands: Sequence[str]) -> str:
    length = f", ({operands[2]})::bigint" if len(operands) > 2 else ""
    return f"substring({operands[0]}, ({operands[1]})::bigint{length})"


def _side(name: str) -> Render:
    return lambda operands: f"{name}({operands[0]}, ({operands[1]})::bigint)"


_ONE, _TWO, _MANY = (1, 1), (2, 2), (1, 50)

FUNCTIONS: dict[str, Function] = {
    "abs": Function(("number",), "", lambda operands: f"try(abs({operands[0]}))", *_ONE),
    "round": Function(("number", "integer"), "float", _round, 1, 2),
    "floor": Function(("number",), "integer", _whole("floor"), *_ONE),
    "ceil": Function(("number",), "integer", _whole("ceil"), *_ONE),
    "sqrt": Function(("number",), "float", _float("sqrt"), *_ONE),
    "ln": Function(("number",), "float", _float("ln"), *_ONE),
    "log10": Function(("number",), "float", _float("log10"), *_ONE),
    "exp": Function(("number",), "float", _float("exp"), *_ONE),
    "power": Function(("number", "number"), "float", _float("pow"), *_TWO),
    "least": Function((), "", _plain("least"), *_MANY, alike=True),
    "greatest": Function((), "", _plain("greatest"), *_MANY, alike=True),
    "coalesce": Function((), "", _plain("coalesce"), *_MANY, alike=True),
    "nullif": Function((), "", _plain("nullif"), *_TWO, alike=True),
    "if": Function((), "", lambda o: f"(case when {o[0]} then {o[1]} else {o[2]} end)", 3, 3, alike=True),
    "lower": Function(("string",), "string", _plain("lower"), *_ONE),
    "upper": Function(("string",), "string", _plain("upper"), *_ONE),
    "trim": Function(("string",), "string", lambda operands: trimmed(operands[0]), *_ONE),
    "length": Function(("string",), "integer", _part("length"), *_ONE),
    "substring": Function(("string", "integer"), "string", _substring, 2, 3),
    "left": Function(("string", "integer"), "string", _side("left"), *_TWO),
    "right": Function(("string", "integer"), "string", _side("right"), *_TWO),
    "replace": Function(("string",), "string", _plain("replace"), 3, 3),
    "contains": Function(("string",), "boolean", _plain("contains"), *_TWO),
    "starts_with": Function(("string",), "boolean", _plain("starts_with"), *_TWO),
    "ends_with": Function(("string",), "boolean", _plain("ends_with"), *_TWO),
    "to_text": Function(("any",), "string", lambda operands: f"({operands[0]})::varchar", *_ONE),
    "to_number": Function(("string",), "float", lambda o: f"nullif(try_cast({o[0]} as double), 'nan'::double)", *_ONE),
    "to_date": Function(("string",), "date", lambda operands: f"try_cast({operands[0]} as date)", *_ONE),
    "year": Function(("moment",), "integer", _part("year"), *_ONE),
    "quarter": Function(("moment",), "integer", _part("quarter"), *_ONE),
    "month": Function(("moment",), "integer", _part("month"), *_ONE),
    "day": Function(("moment",), "integer", _part("day"), *_ONE),
    "weekday": Function(("moment",), "integer", _part("isodow"), *_ONE),
    "hour": Function(("datetime",), "integer", _part("hour"), *_ONE),
    "minute": Function(("datetime",), "integer", _part("minute"), *_ONE),
    "days_between": Function(("moment",), "integer", _days_between, *_TWO),
    "add_days": Function(("moment", "integer"), "date", _add_days, *_TWO),
}
"""By name. ``weekday`` counts from Monday (1)."""
