"""Filters and orders of lists: the AIP-160 subset of ``filter`` and ``order_by`` as SQLAlchemy expressions.

    file_type = "csv" AND row_count > 1000
    (status = "ready" OR status = "processing") AND NOT name : "draft"
    created_at >= 2026-01-01T00:00:00Z AND project_id = null

A restriction is a field, one of ``= != < <= > >= :`` and a value: a quoted string, or a bare word for numbers,
``true``, ``false``, timestamps (RFC 3339; a date is its midnight in UTC) and ``null``. ``:`` is "contains, whatever the
case" on text, "has this one" on a list of texts, and "equals" otherwise; ``field:*`` is "has a value". As in AIP-160,
OR binds closer than AND. Fields are those that the contract marks filterable; ``order_by`` takes those marked
orderable: ``created_at desc, name``. Names that are no plain words, as columns of data may have, stand in backquotes.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from sqlalchemy import ColumnElement, and_, func, or_, true

from raia_kit.contract import ContractError, field_policy
from raia_kit.errors import FieldViolation, InvalidArgument
from raia_kit.filter_values import BadValue, Kind, kind_of, parse_value

_DEEPEST = 20
_MOST_RESTRICTIONS = 100
_PARSER = Lark.open("filter_grammar.lark", rel_to=__file__, parser="lalr", lexer="contextual")
_OPERATORS: Mapping[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": lambda column, value: column.is_distinct_from(value),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDER_TERM = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(?:\s+(asc|desc))?")


@dataclass(frozen=True)
class OrderTerm:
    """One column of an order."""

    name: str
    column: ColumnElement[Any]
    descending: bool = False
    nullable: bool = False
    """Rows without a value come last, in either direction."""


def condition(
    text: str, columns: Mapping[str, ColumnElement[Any]], kinds: Mapping[str, Kind], allowed: Sequence[str]
) -> ColumnElement[bool]:
    """The condition that a filter states over ``columns``, of which it may name ``allowed``; true when it is empty.

    Raises ``InvalidArgument`` (INVALID_FILTER) that names field and position (from 1) of the fault.
    """
    if not text.strip():
        return true()
    try:
        tree: Tree[Token] = _PARSER.parse(text)
    except UnexpectedInput as error:
        _refuse("filter", text, _position(error, text), _expectation(error, text))
    return _Compiler(text, columns, kinds, allowed).compile(tree, 1)


class QueryFields:
    """The fields of one resource that lists may filter and order by, each with the column it stands for."""

    def __init__(self, message: Descriptor, columns: Mapping[str, ColumnElement[Any]], *, id_field: str = "id") -> None:
        """``columns`` by field name. Raises ``ContractError`` unless they are the marked fields and the id."""
        marked = {field.name for field in message.fields if _marks(field)}
        missing = (marked | {id_field}) - columns.keys()
        if missing or columns.keys() - marked - {id_field}:
            wrong = sorted(missing or columns.keys() - marked - {id_field})
            raise ContractError(f"{message.full_name}: columns and marked fields differ in {', '.join(wrong)}")
        self._columns = dict(columns)
        self._kinds = {name: kind_of(message.fields_by_name[name], columns[name]) for name in marked}
        self._filterable = sorted(name for name in marked if field_policy(message.fields_by_name[name]).filterable)
        self._orderable = sorted(name for name in marked if field_policy(message.fields_by_name[name]).orderable)
        self._id = id_field

    def where(self, text: str) -> ColumnElement[bool]:
        """The condition that ``filter`` states; true when it is empty.

        Raises ``InvalidArgument`` (INVALID_FILTER) that names field and position (from 1) of the fault.
        """
        return condition(text, self._columns, self._kinds, self._filterable)

    def order(self, text: str, default: str = "") -> tuple[OrderTerm, ...]:
        """The order that ``order_by`` states, else the default, always ended by the id so that it is total.

        Raises ``InvalidArgument`` (INVALID_ORDER_BY).
        """
        terms: list[OrderTerm] = []
        for start, part in _parts(text or default):
            match = _ORDER_TERM.fullmatch(part.strip())
            if match is None:
                _refuse("order_by", text, start, 'expected a field, then "asc" or "desc" or nothing')
            name = match[1]
            if name not in self._orderable:
                _refuse("order_by", text, start, f"cannot order by {name}; use {_list(self._orderable)}", name)
            if any(term.name == name for term in terms):
                _refuse("order_by", text, start, f"{name} stands there twice", name)
            column = self._columns[name]
            terms.append(OrderTerm(name, column, match[2] == "desc", _nullable(column)))
        if all(term.name != self._id for term in terms):
            descending = bool(terms) and terms[-1].descending
            terms.append(OrderTerm(self._id, self._columns[self._id], descending))
        return tuple(terms)


class _Compiler:
    """Turns one parsed filter into a condition."""

    def __init__(
        self, text: str, columns: Mapping[str, ColumnElement[Any]], kinds: Mapping[str, Kind], allowed: Sequence[str]
    ) -> None:
        self._text, self._columns, self._kinds, self._allowed = text, columns, kinds, allowed
        self._restrictions = 0

    def compile(self, tree: Tree[Token], depth: int) -> ColumnElement[bool]:
        if depth > _DEEPEST:
            _refuse("filter", self._text, 1, f"it is nested more than {_DEEPEST} deep")
        if tree.data == "restriction":
            return self._restriction(*tree.children)
        parts = [self.compile(child, depth + 1) for child in tree.children if isinstance(child, Tree)]
        if tree.data == "negation":
            # What is unknown because a value is absent is not true, so its negation is: no row falls between both.
            return parts[0].is_not(True)
        return and_(*parts) if tree.data == "conjunction" else or_(*parts)

    def _restriction(self, field: Any, comparator: Any, value: Any) -> ColumnElement[bool]:
        self._restrictions += 1
        if self._restrictions > _MOST_RESTRICTIONS:
            _refuse("filter", self._text, _at(field), f"it has more than {_MOST_RESTRICTIONS} conditions")
        name, sign = str(field).strip("`"), str(comparator)
        if name not in self._allowed:
            advice = f"{name} cannot be filtered by; use {_list(self._allowed)}"
            _refuse("filter", self._text, _at(field), advice, name)
        column, kind = self._columns[name], self._kinds[name]
        quoted = value.type == "STRING"
        text = _unquoted(value) if quoted else str(value)
        if not quoted and text == "null":
            return self._null(column, sign, comparator, name)
        if sign == ":" and text == "*" and not quoted:
            return func.cardinality(column) > 0 if kind.name == "texts" else column.is_not(None)
        if sign not in kind.comparators:
            choice = " ".join(sorted(kind.comparators))
            _refuse("filter", self._text, _at(comparator), f"{name} takes {choice}, not {sign}", name)
        if sign == ":" and kind.name == "text":
            return column.icontains(_checked_text(text, self._text, value, name), autoescape=True)
        if sign == ":" and kind.name == "texts":
            return column.contains([_checked_text(text, self._text, value, name)])
        try:
            parsed = parse_value(kind, text, quoted=quoted)
        except BadValue as error:
            _refuse("filter", self._text, _at(value), f"{name} {error}", name)
        return _OPERATORS[sign](column, parsed)

    def _null(self, column: ColumnElement[Any], sign: str, comparator: Any, name: str) -> ColumnElement[bool]:
        if sign not in ("=", "!="):
            _refuse("filter", self._text, _at(comparator), "null takes = or !=", name)
        return column.is_(None) if sign == "=" else column.is_not(None)


def _checked_text(text: str, source: str, token: Any, name: str) -> str:
    if "\x00" in text:
        _refuse("filter", source, _at(token), f"{name} holds no NUL characters", name)
    return text


def _unquoted(token: Any) -> str:
    return re.sub(r"\\(.)", r"\1", str(token)[1:-1], flags=re.DOTALL)


def _marks(field: FieldDescriptor) -> bool:
    policy = field_policy(field)
    return policy.filterable or policy.orderable


def _nullable(column: ColumnElement[Any]) -> bool:
    return bool(getattr(column, "nullable", True))


def _parts(text: str) -> list[tuple[int, str]]:
    """The comma-separated parts with the position, from 1, at which each begins; none for an empty text."""
    if not text.strip():
        return []
    found, start = [], 1
    for part in text.split(","):
        found.append((start + len(part) - len(part.lstrip()), part))
        start += len(part) + 1
    return found


def _at(token: Any) -> int:
    return int(token.start_pos) + 1


def _position(error: UnexpectedInput, text: str) -> int:
    if getattr(getattr(error, "token", None), "type", "") == "$END":
        return len(text) + 1
    position: Any = error.pos_in_stream  # absent, whatever its type says, when the text ended within a token
    return position + 1 if isinstance(position, int) and 0 <= position < len(text) else len(text) + 1


def _expectation(error: UnexpectedInput, text: str) -> str:
    expected = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    position = _position(error, text)
    found = repr(text[position - 1]) if position <= len(text) else "the end"
    if {"STRING", "BARE"} & expected:
        return f"expected a value, found {found}"
    if "COMPARATOR" in expected:
        return f"expected one of = != < <= > >= : and found {found}"
    if "FIELD" in expected:
        return f"expected a field, found {found}"
    if "RPAR" in expected and not {"_AND", "$END"} & expected:
        return f"expected ), found {found}"
    if {"_AND", "_OR", "$END"} & expected:
        return f"expected AND, OR or the end, found {found}"
    return f"did not expect {found}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nothing: the list has no such fields"


def _refuse(
    parameter: Literal["filter", "order_by"], text: str, position: int, description: str, field: str = ""
) -> NoReturn:
    where = f"at position {position}: {description}" if text else description
    metadata = {"position": str(position)} | ({"field": field} if field else {})
    raise InvalidArgument(
        f"{parameter} {where}",
        reason=f"INVALID_{parameter.upper()}",
        metadata=metadata,
        violations=[FieldViolation(parameter, where)],
    )
