"""Expressions as text and as trees."""

import re
from dataclasses import dataclass
from typing import NoReturn

LONGEST = 4000
_DEEPEST = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<quoted>\"(?:[^\"]|\"\")+\")"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><=|>=|<>|!=|==|\|\||[-+*/%=<>(),])"
    r"|(?P<end>$))"
)
_RESERVED = frozenset(
    {"and", "or", "not", "is", "in", "between", "like", "case", "when", "then", "else", "end", "null", "true", "false"}
)


class BadExpression(ValueError):
    """The text is no expression; the message says where."""


@dataclass(frozen=True)
class Literal:
    """A number, text, boolean or null."""

    value: int | float | str | bool | None


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True)
class Operation:
    """An operator, a function or ``case``, by its name, with its operands."""

    name: str
    operands: tuple["Node", ...]


Node = Literal | Name | Operation


def parse(source: str) -> Node:
    """The tree of an expression; raises ``BadExpression``."""
    if len(source) > LONGEST:
        raise BadExpression(f"an expression has at most {LONGEST} characters")
    if "\x00" in source:
        raise BadExpression("an expression holds no NUL")
    return _Parser(source).whole()


def names(node: Node) -> set[str]:
    """The columns that a tree mentions."""
    if isinstance(node, Name):
        return {node.name}
    if isinstance(node, Operation):
        return set().union(*map(names, node.operands))
    return set()


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = list(_tokens(source))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._either()
        if self._kind != "end":
            self._wrong("an operator")
        return node

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._at][1]

    def _wrong(self, expected: str) -> NoReturn:
        kind, text, place = self._tokens[self._at]
        found = "the end" if kind == "end" else repr(text)
        raise BadExpression(f"{expected} was expected at character {place + 1}, not {found}")

    def _word(self) -> str:
        return self._text.lower() if self._kind == "name" else ""

    def _take(self, *wanted: str) -> str:
        """The token, if it is one of these words or signs; else the empty text."""
        found = self._text if self._kind == "sign" else self._word()
        if found in wanted:
            self._at += 1
            return found
        return ""

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            self._wrong(repr(wanted))

    def _either(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadExpression(f"an expression is nested at most {_DEEPEST} deep")
        node = self._both()
        while self._take("or"):
            node = Operation("or", (node, self._both()))
        self._depth -= 1
        return node

    def _both(self) -> Node:
        node = self._negated()
        while self._take("and"):
            node = Operation("and", (node, self._negated()))
        return node

    def _negated(self) -> Node:
        negations = 0
        while self._take("not"):
            negations += 1
        node = self._compared()
        return Operation("not", (node,)) if negations % 2 else node

    def _compared(self) -> Node:
        left = self._sum()
        if sign := self._take("=", "==", "!=", "<>", "<", "<=", ">", ">="):
            plain = {"==": "=", "<>": "!="}.get(sign, sign)
            return Operation(plain, (left, self._sum()))
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return Operation("is not null" if negated else "is null", (left,))
        negated = self._take("not")
        node = self._membership(left)
        if node is None:
            if negated:
                self._wrong("'in', 'between' or 'like'")
            return left
        return Operation("not", (node,)) if negated else node

    def _membership(self, left: Node) -> Node | None:
        if self._take("in"):
            self._need("(")
            return Operation("in", (left, *self._list()))
        if self._take("between"):
            low = self._sum()
            self._need("and")
            return Operation("between", (left, low, self._sum()))
        if self._take("like"):
            return Operation("like", (left, self._sum()))
        return None

    def _list(self) -> list[Node]:
        """Operands up to the closing bracket."""
        found = [self._either()]
        while self._take(","):
            found.append(self._either())
        self._need(")")
        return found

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._take("+", "-", "||"):
            node = Operation(sign, (node, self._product()))
        return node

    def _product(self) -> Node:
        node = self._signed()
        while sign := self._take("*", "/", "%"):
            node = Operation(sign, (node, self._signed()))
        return node

    def _signed(self) -> Node:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        node = self._primary()
        if not negative:
            return node
        if isinstance(node, Literal) and isinstance(node.value, int | float):
            return Literal(-node.value)
        return Operation("negative", (node,))

    def _primary(self) -> Node:
        kind, text, _ = self._tokens[self._at]
        if self._take("("):
            node = self._either()
            self._need(")")
            return node
        if kind == "number":
            self._at += 1
            return Literal(float(text) if set(text) & set(".eE") else int(text))
        if kind == "text":
            self._at += 1
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "quoted":
            self._at += 1
            return Name(text[1:-1].replace('""', '"'))
        if kind != "name":
            self._wrong("a value")
        return self._worded(text)

    def _worded(self, text: str) -> Node:
        word = text.lower()
        if word in ("null", "true", "false"):
            self._at += 1
            return Literal({"null": None, "true": True, "false": False}[word])
        if word == "case":
            self._at += 1
            return self._case()
        if word in _RESERVED:
            self._wrong(f'a value (a column of this name is written "{text}")')
        self._at += 1
        if not self._take("("):
            return Name(text)
        return Operation(f"{word}()", () if self._take(")") else tuple(self._list()))

    def _case(self) -> Node:
        operands: list[Node] = []
        while self._take("when"):
            operands.append(self._either())
            self._need("then")
            operands.append(self._either())
        if not operands:
            self._wrong("'when'")
        operands.append(self._either() if self._take("else") else Literal(None))
        self._need("end")
        return Operation("case", tuple(operands))


def _tokens(source: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    place = 0
    while True:
        match = _TOKEN.match(source, place)
        if match is None or match.lastgroup is None:
            start = place + len(source[place:]) - len(source[place:].lstrip())
            raise BadExpression(f"character {start + 1} begins nothing that is known: {source[start : start + 1]!r}")
        found.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        if match.lastgroup == "end":
            return found
        place = match.end()
