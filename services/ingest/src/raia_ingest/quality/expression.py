"""The language of row conditions: parsed, checked against the columns, and written as SQL.

Nothing of the author's text reaches SQL but numbers, quoted texts and the places of columns.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from raia_ingest.quality.functions import AGGREGATES, FUNCTIONS
from raia_ingest.quality.kinds import (
    BOOLEAN,
    DATE,
    DATETIME,
    INTEGER,
    NULL,
    NUMBER,
    NUMBERS,
    TEMPORAL,
    TEXT,
    TIME,
    Table,
    Unfit,
    at,
    check_pattern,
    comparable,
    literal,
    moment,
    number,
    quoted,
)

_DEEPEST = 60
_PARSER = Lark.open("expression_grammar.lark", rel_to=__file__, parser="lalr", lexer="contextual")
Node = Tree[Token]


@dataclass(frozen=True)
class Piece:
    """A part of an expression in SQL."""

    sql: str
    kind: str
    text: str | None = None
    """The text itself, when the part is a text literal: it may stand for a date."""


@dataclass
class Condition:
    """An expression in SQL. Aggregates are named there ``h0``, ``h1``, … (this table) and ``g0``, … (the other)."""

    sql: str = ""
    here: list[str] = field(default_factory=list)
    """The aggregates over this table, in SQL."""
    other: list[str] = field(default_factory=list)
    """The aggregates over the other table; a plain column is one, too."""
    plain: list[int] = field(default_factory=list)
    """The places in ``other`` of plain columns, which make sense only where a key has one row."""
    uses_columns: bool = False
    """Whether columns of this table stand outside aggregates."""


def compile_condition(text: str, table: Table, now: dt.datetime, other: Table | None = None) -> Condition:
    """The condition that ``text`` states about rows of ``table``, and of ``other`` if there is one.

    Raises ``Unfit`` with the position, from 1, of what is wrong.
    """
    try:
        tree = _PARSER.parse(text)
    except UnexpectedInput as error:
        _unparsed(text, error)
    condition = Condition()
    piece = _Compiler(table, other, now, condition).compile(tree, 1)
    if piece.kind not in (BOOLEAN, NULL):
        raise Unfit(f"the expression must be a condition, true or false; this one is of kind {piece.kind}")
    condition.sql = piece.sql
    return condition


def _unparsed(text: str, error: UnexpectedInput) -> NoReturn:
    place: Any = error.pos_in_stream  # absent, whatever its type says, when the text ended within a token
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    position = place if isinstance(place, int) and 0 <= place < len(text) and not ended else len(text)
    found = repr(text[position : position + 20]) if position < len(text) else "the end"
    raise Unfit(f"the expression cannot be read at position {position + 1}: did not expect {found}") from error


class _Compiler:
    """Compiles one tree; each ``_<rule>`` writes the node of that name."""

    def __init__(self, table: Table, other: Table | None, now: dt.datetime, condition: Condition) -> None:
        self._table, self._other, self._now, self._condition = table, other, now, condition

    def compile(self, node: Node, depth: int) -> Piece:
        if depth > _DEEPEST:
            raise Unfit(f"the expression is nested more than {_DEEPEST} deep")
        if node.data == "call":
            return self._call(node, depth)
        leaf: Callable[[Token], Piece] | None = getattr(self, f"_leaf_{node.data}", None)
        if leaf is not None:
            return leaf(node.children[0] if node.children else Token("NONE", ""))  # type: ignore[arg-type]
        parts = [child if isinstance(child, Token) else self.compile(child, depth + 1) for child in node.children]
        build: Callable[..., Piece] = getattr(self, f"_{node.data}")
        return build(*parts)

    # Leaves.

    def _leaf_number(self, token: Token) -> Piece:
        value = float(token) if set(token) & set(".eE") else int(token)
        sql = number(value)
        return Piece(sql, INTEGER if sql.isdigit() else NUMBER)

    def _leaf_text(self, token: Token) -> Piece:
        text = token[1:-1].replace("''", "'")
        return Piece(quoted(text), TEXT, text)

    def _leaf_true(self, _token: Token) -> Piece:
        return Piece("true", BOOLEAN)

    def _leaf_false(self, _token: Token) -> Piece:
        return Piece("false", BOOLEAN)

    def _leaf_null(self, _token: Token) -> Piece:
        return Piece("null", NULL)

    def _leaf_column(self, token: Token) -> Piece:
        found = self._table.field(_name(token))
        self._condition.uses_columns = True
        return Piece(found.alias, found.kind)

    def _leaf_other(self, token: Token) -> Piece:
        if self._other is None:
            raise Unfit('columns of another dataset ("other.") are known in cross_table rules alone')
        found = self._other.field(_name(token))
        self._condition.plain.append(len(self._condition.other))
        return self._aggregate(self._condition.other, "g", f"any_value({found.alias})", found.kind)

    # Conditions.

    def _disjunction(self, *parts: Piece) -> Piece:
        return Piece("(" + " or ".join(_condition(part) for part in parts) + ")", BOOLEAN)

    def _conjunction(self, *parts: Piece) -> Piece:
        return Piece("(" + " and ".join(_condition(part) for part in parts) + ")", BOOLEAN)

    def _negation(self, part: Piece) -> Piece:
        return Piece(f"(not {_condition(part)})", BOOLEAN)

    def _compare(self, left: Piece, sign: Token, right: Piece) -> Piece:
        left, right = _matched(left, right)
        spelled = {"==": "=", "!=": "<>"}.get(str(sign), str(sign))
        return Piece(f"({left.sql} {spelled} {right.sql})", BOOLEAN)

    def _member(self, value: Piece, *choices: Piece) -> Piece:
        matched = [_matched(value, choice)[1].sql for choice in choices]
        return Piece(f"({value.sql} in ({', '.join(matched)}))", BOOLEAN)

    def _not_member(self, value: Piece, *choices: Piece) -> Piece:
        return self._negation(self._member(value, *choices))

    def _between(self, value: Piece, low: Piece, high: Piece) -> Piece:
        low, high = _matched(value, low)[1], _matched(value, high)[1]
        return Piece(f"({value.sql} between {low.sql} and {high.sql})", BOOLEAN)

    def _not_between(self, value: Piece, low: Piece, high: Piece) -> Piece:
        return self._negation(self._between(value, low, high))

    def _is_null(self, value: Piece) -> Piece:
        return Piece(f"({value.sql} is null)", BOOLEAN)

    def _is_present(self, value: Piece) -> Piece:
        return Piece(f"({value.sql} is not null)", BOOLEAN)

    def _like(self, value: Piece, pattern: Token) -> Piece:
        return Piece(f"({_text(value, 'LIKE')} like {quoted(_unquoted(pattern))})", BOOLEAN)

    def _not_like(self, value: Piece, pattern: Token) -> Piece:
        return self._negation(self._like(value, pattern))

    def _matches(self, value: Piece, pattern: Token) -> Piece:
        check_pattern(_unquoted(pattern))
        return Piece(f"regexp_full_match({_text(value, 'MATCHES')}, {quoted(_unquoted(pattern))})", BOOLEAN)

    def _not_matches(self, value: Piece, pattern: Token) -> Piece:
        return self._negation(self._matches(value, pattern))

    # Values.

    def _arithmetic(self, left: Piece, sign: Token, right: Piece) -> Piece:
        if sign in ("+", "-") and left.kind in TEMPORAL and right.kind == INTEGER:
            return Piece(f"({left.sql} {sign} to_days(({right.sql})::integer))", DATETIME)
        for part in (left, right):
            if part.kind not in NUMBERS and part.kind != NULL:
                raise Unfit(f"{sign} takes numbers, not {part.kind}: number(…) reads one from a text")
        if sign in ("/", "%"):
            return Piece(f"(({left.sql})::double {sign} nullif(({right.sql})::double, 0))", NUMBER)
        whole = left.kind == right.kind == INTEGER
        # 128 bits, so that no sum or product of two columns overflows.
        form = "hugeint" if whole else "double"
        return Piece(f"(({left.sql})::{form} {sign} ({right.sql})::{form})", INTEGER if whole else NUMBER)

    def _minus(self, _sign: Token, part: Piece) -> Piece:
        if part.kind not in NUMBERS and part.kind != NULL:
            raise Unfit(f"- takes a number, not {part.kind}")
        form = "hugeint" if part.kind == INTEGER else "double"
        return Piece(f"(-(({part.sql})::{form}))", part.kind)

    def _when(self, condition: Piece, value: Piece) -> Piece:
        return Piece(f"when {_condition(condition)} then {value.sql}", value.kind)

    def _case(self, *parts: Piece) -> Piece:
        *branches, last = parts
        ended = not last.sql.startswith("when ")
        kinds = [part.kind for part in parts if part.kind != NULL]
        if any(not comparable(kinds[0], kind) for kind in kinds):
            raise Unfit("every branch of CASE must give a value of one kind")
        rest = [f"else {last.sql}"] if ended else [last.sql]
        kind = NUMBER if set(kinds) == NUMBERS else kinds[0] if kinds else NULL
        return Piece(f"(case {' '.join([branch.sql for branch in branches] + rest)} end)", kind)

    def _call(self, node: Node, depth: int) -> Piece:
        name = str(node.children[0]).lower()
        arguments = node.children[1:]
        if name in AGGREGATES:
            return self._aggregated(name, arguments)
        if name in ("today", "now") and not arguments:
            today = Piece(f"DATE '{self._now.date().isoformat()}'", DATE)
            return today if name == "today" else Piece(at(self._now), DATETIME)
        function = FUNCTIONS.get(name)
        if function is None or any(isinstance(each, Token) for each in arguments):
            known = ", ".join(sorted([*FUNCTIONS, "now", "today"]))
            raise Unfit(f"there is no function {name}(); there are {known}")
        parts = [self.compile(each, depth + 1) for each in arguments if isinstance(each, Tree)]
        kind = function.kind(name, [part.kind for part in parts])
        return Piece(function.sql(*(part.sql for part in parts)), kind)

    def _aggregated(self, name: str, arguments: Sequence[Node | Token]) -> Piece:
        if self._other is None:
            raise Unfit(f"{name}() is known in cross_table rules alone")
        node = arguments[0] if len(arguments) == 1 else None
        if name == "count" and (not arguments or isinstance(node, Token)):
            return self._aggregate(self._condition.here, "h", "count(*)", INTEGER)
        if not isinstance(node, Tree) or node.data not in ("column", "other"):
            raise Unfit(f"{name}() takes one column, of this dataset or of the other")
        token = node.children[0]
        is_other = node.data == "other"
        found = (self._other if is_other else self._table).field(_name(str(token)))
        takes, gives, sql = AGGREGATES[name]
        if found.kind not in takes and found.kind != NULL:
            raise Unfit(f"{name}() takes {' or '.join(sorted(takes))}, and {found.name!r} is {found.kind}")
        place = self._condition.other if is_other else self._condition.here
        kind = found.kind if gives == "same" else gives
        return self._aggregate(place, "g" if is_other else "h", sql.format(found.alias), kind)

    def _aggregate(self, place: list[str], prefix: str, sql: str, kind: str) -> Piece:
        place.append(sql)
        name = f"{prefix}{len(place) - 1}"
        # Where the other table has no row of a key, nothing was counted and nothing summed up.
        zero = sql.startswith(("count", "coalesce"))
        return Piece(f"coalesce({name}, 0)" if zero else name, kind)


def _name(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else str(token)


def _unquoted(token: Token) -> str:
    return token[1:-1].replace("''", "'")


def _condition(part: Piece) -> str:
    if part.kind not in (BOOLEAN, NULL):
        raise Unfit(f"AND, OR, NOT and WHEN take conditions, not a value of kind {part.kind}")
    return part.sql


def _text(part: Piece, what: str) -> str:
    if part.kind not in (TEXT, NULL):
        raise Unfit(f"{what} takes a text, not {part.kind}: text(…) makes one")
    return part.sql


def _matched(left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Both, comparable; a text literal beside a date or time is one itself. Raises ``Unfit``."""
    for one, two in ((left, right), (right, left)):
        if one.kind in TEMPORAL | {TIME} and two.text is not None:
            literal_of = Piece(literal(two.text, TIME), TIME) if one.kind == TIME else Piece(*moment(two.text))
            return (left, literal_of) if one is left else (literal_of, right)
    if not comparable(left.kind, right.kind):
        raise Unfit(f"{left.kind} cannot be compared with {right.kind}: number(…), text(…) and date(…) convert")
    return left, right
