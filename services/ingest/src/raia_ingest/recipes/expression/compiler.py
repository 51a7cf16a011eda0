"""Expressions as SQL: every operand has a type, and what could fail for one row is missing there instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from raia_ingest.recipes.expression.functions import FUNCTIONS
from raia_ingest.recipes.expression.syntax import BadExpression, Literal, Name, Node, Operation, parse
from raia_ingest.recipes.faults import StepFault
from raia_ingest.recipes.schema import TIMES, Schema
from raia_ingest.recipes.sql import SQL_TYPES, among, literal


@dataclass(frozen=True)
class Typed:
    """SQL of DuckDB and the type of what it gives."""

    sql: str
    type: str
    constant: str | None = None
    """The text, when it is a text literal: dates may be meant."""


_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_MOST_SQL = 200_000


def compiled(source: str, schema: Schema, field: str) -> Typed:
    """The expression over the schema's aliases; raises ``StepFault`` when it is none, or its types do not fit."""
    try:
        found = _Compiler(schema).compile(parse(source))
    except BadExpression as error:
        raise StepFault(field, str(error)) from error
    if len(found.sql) > _MOST_SQL:
        raise StepFault(field, "the expression is too large")
    return found


def condition(source: str, schema: Schema, field: str) -> str:
    """The expression as a condition; raises ``StepFault`` unless it is true or false."""
    found = compiled(source, schema, field)
    if found.type != "boolean":
        raise StepFault(field, f"the expression is {found.type}; a condition is true or false, such as price > 0")
    return found.sql


def check_syntax(source: str, field: str) -> None:
    """Raises ``StepFault`` when the text is no expression, whatever the columns are."""
    try:
        parse(source)
    except BadExpression as error:
        raise StepFault(field, str(error)) from error


class _Compiler:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def compile(self, node: Node) -> Typed:
        if isinstance(node, Literal):
            return _literal(node)
        if isinstance(node, Name):
            column = self._schema.find(node.name)
            if column is None:
                near = ", ".join(self._schema.names[:10])
                raise BadExpression(f"there is no column {node.name!r}; the columns are {near}")
            return Typed(column.alias, column.type)
        operands = [self.compile(each) for each in node.operands]
        if node.name.endswith("()"):
            return _function(node, operands)
        if node.name == "case":
            return _case(operands)
        return _operator(node.name, operands)


def _literal(node: Literal) -> Typed:
    value = node.value
    if value is None:
        return Typed("null", "null")
    type_ = {bool: "boolean", int: "integer", float: "float", str: "string"}[type(value)]
    if isinstance(value, int) and not -(2**63) < value < 2**63:
        raise BadExpression(f"{value} is beyond 64 bits")
    return Typed(literal(value, type_, ""), type_, value if isinstance(value, str) else None)


def _operator(name: str, operands: list[Typed]) -> Typed:
    if name in ("and", "or", "not"):
        _all(operands, "boolean", name)
        parts = [each.sql for each in operands]
        return Typed(f"(not {parts[0]})" if name == "not" else f"({parts[0]} {name} {parts[1]})", "boolean")
    if name in ("is null", "is not null"):
        return Typed(f"({operands[0].sql} {name})", "boolean")
    if name in _COMPARISONS or name in ("in", "between"):
        return _comparison(name, operands)
    if name in ("like", "||"):
        return _textual(name, operands)
    if name == "negative":
        number = _numeric(operands, name)
        return arithmetic("-", [Typed(f"0::{SQL_TYPES[number]}", number), operands[0]])
    return arithmetic(name, operands)


def _textual(name: str, operands: list[Typed]) -> Typed:
    if name == "like":
        _all(operands, "string", name)
        return Typed(f"({operands[0].sql} like {operands[1].sql})", "boolean")
    texts = [f"({each.sql})::varchar" for each in operands]
    return Typed(f"({texts[0]} || {texts[1]})", "string")


def arithmetic(name: str, operands: Sequence[Typed]) -> Typed:
    """A sum, product, quotient or remainder; missing where it overflows or divides by zero."""
    number = _numeric(operands, name)
    left, right = (each.sql for each in operands)
    if name == "/":
        quotient = f"({left})::double / nullif(({right})::double, 0)"
        return Typed(f"nullif({quotient}, 'nan'::double)", "float")
    if name == "%":
        right = f"nullif({right}, 0)"
    if number == "integer":
        return Typed(f"try_cast((({left})::hugeint {name} ({right})::hugeint) as bigint)", "integer")
    return Typed(f"nullif(({left})::double {name} ({right})::double, 'nan'::double)", "float")


def _comparison(name: str, operands: list[Typed]) -> Typed:
    operands = _alike(operands, name)
    first = operands[0].sql
    if name == "between":
        return Typed(f"({first} between {operands[1].sql} and {operands[2].sql})", "boolean")
    if name == "in":
        return Typed(f"({among(first, [each.sql for each in operands[1:]])})", "boolean")
    return Typed(f"({first} {name} {operands[1].sql})", "boolean")


def _case(operands: list[Typed]) -> Typed:
    conditions, values = operands[:-1:2], [*operands[1::2], operands[-1]]
    _all(conditions, "boolean", "when")
    values = _alike(values, "case")
    branches = " ".join(
        f"when {condition.sql} then {value.sql}" for condition, value in zip(conditions, values, strict=False)
    )
    return Typed(f"(case {branches} else {values[-1].sql} end)", _type_of(values))


def _function(node: Operation, operands: list[Typed]) -> Typed:
    name = node.name[:-2]
    function = FUNCTIONS.get(name)
    if function is None:
        raise BadExpression(f"there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}")
    if not function.least <= len(operands) <= function.most:
        least, most = function.least, function.most
        count = f"{least}" if least == most else f"{least} to {most}"
        raise BadExpression(f"{name} takes {count} operands, not {len(operands)}")
    if function.alike:
        first = operands[:1] if name == "if" else []
        _all(first, "boolean", name)
        operands = [*first, *_alike(operands[len(first) :], name)]
        result = _type_of(operands[len(first) :])
    else:
        operands = [
            _fitting(each, function.takes[min(place, len(function.takes) - 1)], name)
            for place, each in enumerate(operands)
        ]
        result = function.gives or operands[0].type
    return Typed(function.render([each.sql for each in operands]), result)


def _fitting(operand: Typed, wanted: str, name: str) -> Typed:
    """The operand as what a function takes: a type, ``number``, ``moment`` (a date or datetime) or ``any``."""
    kinds = {"number": ("integer", "float"), "moment": ("date", "datetime"), "any": tuple(SQL_TYPES)}.get(
        wanted, (wanted,)
    )
    if operand.type in kinds:
        return operand
    if operand.type == "null":
        return Typed(f"null::{SQL_TYPES.get(kinds[0], 'varchar')}", kinds[0])
    if operand.constant is not None:
        for kind in kinds:
            if kind in TIMES:
                return _moment(operand, kind, name)
    raise BadExpression(f"{name} takes {wanted}, not {operand.type}")


def _alike(operands: Sequence[Typed], name: str) -> list[Typed]:
    """Operands of one type: numbers meet as floats, texts that spell dates become dates, nulls fit everything."""
    types = {each.type for each in operands} - {"null"}
    if types <= {"integer", "float"}:
        kind = "float" if "float" in types else "integer"
        return [Typed(f"({each.sql})::{SQL_TYPES[kind]}", kind) if types else each for each in operands]
    temporal = types & TIMES
    if temporal and types <= {*TIMES, "string"}:
        kind = "datetime" if "datetime" in temporal else sorted(temporal)[0]
        return [_moment(each, kind, name) for each in operands]
    if len(types) == 1:
        kind = next(iter(types))
        return [Typed(f"null::{SQL_TYPES[kind]}", kind) if each.type == "null" else each for each in operands]
    raise BadExpression(f"{name} needs values of one type, not {' and '.join(sorted(types))}")


def _moment(operand: Typed, kind: str, name: str) -> Typed:
    if operand.constant is not None:
        try:
            return Typed(literal(operand.constant, kind, ""), kind)
        except StepFault as error:
            raise BadExpression(f"{operand.constant!r} is no {kind}: write it as ISO 8601") from error
    if operand.type in (kind, "null") or (operand.type == "date" and kind == "datetime"):
        return Typed(f"({operand.sql})::{SQL_TYPES[kind]}", kind)
    raise BadExpression(f"{name} needs values of one type, not {operand.type} and {kind}")


def _type_of(operands: Sequence[Typed]) -> str:
    return next((each.type for each in operands if each.type != "null"), "null")


def _numeric(operands: Sequence[Typed], name: str) -> str:
    for each in operands:
        if each.type not in ("integer", "float", "null"):
            hint = "; texts are joined with ||" if name == "+" and each.type == "string" else ""
            raise BadExpression(f"{name} takes numbers, not {each.type}{hint}")
    return "float" if any(each.type == "float" for each in operands) else "integer"


def _all(operands: Sequence[Typed], type_: str, name: str) -> None:
    for each in operands:
        if each.type not in (type_, "null"):
            raise BadExpression(f"{name} takes {type_}, not {each.type}")
