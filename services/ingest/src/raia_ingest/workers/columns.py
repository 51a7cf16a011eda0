"""Columns that learn their type from every value: nothing is concluded from a sample that a later value may refute."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from raia_ingest.workers.kinds import (
    ARROW_TYPES,
    COMPATIBLE,
    EXACT_INTEGER,
    NULL_TOKENS,
    Evidence,
    Kind,
    Notation,
    parse,
)

Note = tuple[str, str]
"""Kind and sentence of a profile note."""


_JUDGED_BLOCKS = 20
_ORDERED = {
    Notation.DAY_FIRST_DATE: Kind.DATE,
    Notation.MONTH_FIRST_DATE: Kind.DATE,
    Notation.DAY_FIRST_DATETIME: Kind.DATETIME,
    Notation.MONTH_FIRST_DATETIME: Kind.DATETIME,
}


class Column(Protocol):
    """One column of a source, fed block by block, in as many passes as its kind needs to settle."""

    @property
    def kind(self) -> Kind:
        """The kind that fits everything taken so far."""

    def take(self, raw: Any) -> pa.Array:
        """Learns from a block and returns it in the kind that now fits."""

    def restart(self) -> None:
        """Begins another pass over the same data, keeping what was learnt about the kind."""

    def notes(self) -> list[Note]:
        """What the reader should know about how the column was read."""


def nulls(length: int, kind: Kind) -> pa.Array:
    """An array of missing values."""
    return pa.nulls(length, ARROW_TYPES[kind])


class TextColumn:
    """Cells of text, as CSV has them: each block narrows the notations that all values so far are spelled in."""

    def __init__(self, notations: Sequence[Notation] = tuple(Notation)) -> None:
        self._notations = tuple(notations)
        self._evidence = Evidence()
        self._seen_value = False
        self._seen_token = False
        self._tokens: Counter[str] = Counter()
        self._formulas = 0
        self._blocks = 0
        self.leading_blanks = False
        """Whether text cells begin with a blank, judged by the first blocks."""

    @property
    def notation(self) -> Notation | None:
        """The notation that all values so far are spelled in; None for text."""
        return self._notations[0] if self._notations else None

    @property
    def kind(self) -> Kind:
        """The kind that fits everything taken so far."""
        if not self._seen_value:
            return Kind.STRING if self._seen_token else Kind.NULL
        if not self._notations:
            return Kind.STRING
        first = self._notations[0]
        if first in _ORDERED:
            sure = self._evidence.day_first or self._evidence.month_first
            return _ORDERED[first] if sure else Kind.STRING
        if first is Notation.DECIMAL_COMMA:
            return Kind.FLOAT if self._evidence.decimal_comma else Kind.STRING
        if first is Notation.THOUSANDS:
            grouped = Kind.FLOAT if self._evidence.fraction else Kind.INTEGER
            return grouped if self._evidence.thousands else Kind.STRING
        return Kind(first.value)

    def restart(self) -> None:
        """Begins another pass; the notations left are kept, so it can only confirm or narrow."""
        self._tokens.clear()
        self._formulas = self._blocks = 0

    def take(self, raw: pa.Array) -> pa.Array:
        """Learns from a block of text cells (null: empty) and returns it in the kind that now fits."""
        if raw.null_count == len(raw):
            return nulls(len(raw), self.kind)
        if self._notations:
            parsed = self._parse(raw, raw)
            if parsed is not None:
                return parsed
            cleaned = self._clean(raw)
            if cleaned.null_count == len(cleaned):
                return raw if self.kind is Kind.STRING else nulls(len(raw), self.kind)
            parsed = self._parse(cleaned, raw)
            if parsed is not None:
                return parsed
            self._notations = ()
        self._seen_value = True
        self._look_at_text(raw)
        return raw

    def _look_at_text(self, raw: pa.Array) -> None:
        """Learns what the reader of a text column should be told."""
        if pc.any(pc.starts_with(raw, "=")).as_py():
            self._formulas += pc.sum(pc.match_substring_regex(raw, "^=[A-Za-z0-9(+@\\-]")).as_py() or 0
        if self._blocks < _JUDGED_BLOCKS:
            self._blocks += 1
            self.leading_blanks = self.leading_blanks or bool(pc.any(pc.starts_with(raw, " ")).as_py())

    def _parse(self, cells: pa.Array, raw: pa.Array) -> pa.Array | None:
        for notation in self._notations:
            values = parse(notation, cells, self._evidence)
            if values is not None:
                self._seen_value = True
                fitting = COMPATIBLE[notation]
                if notation is Notation.INTEGER and not _exact_as_float(values):
                    fitting = frozenset({Notation.INTEGER})
                position = self._notations.index(notation)
                self._notations = tuple(other for other in self._notations[position:] if other in fitting)
                return raw if self.kind is Kind.STRING else values
        return None

    def _clean(self, raw: pa.Array) -> pa.Array:
        """The cells without surrounding white space, and null where they spell a missing value."""
        trimmed = pc.utf8_trim_whitespace(raw)
        tokens = pc.is_in(trimmed, pa.array(NULL_TOKENS))
        if pc.any(tokens).as_py():
            self._seen_token = True
            for count in pc.value_counts(trimmed.filter(tokens)).to_pylist():
                self._tokens[count["values"]] += count["counts"]
        return pc.if_else(pc.or_(tokens, pc.equal(trimmed, "")), pa.scalar(None, pa.string()), trimmed)

    def notes(self) -> list[Note]:
        """How numbers were spelled, which texts were read as missing, and why a column stayed text."""
        kind, evidence = self.kind, self._evidence
        notes: list[Note] = []
        if kind not in (Kind.STRING, Kind.NULL) and self._tokens:
            spelled = ", ".join(f"{count} × {token}" for token, count in self._tokens.most_common())
            notes.append(("null_tokens", f"read as missing: {spelled}"))
        if kind is Kind.FLOAT and self._notations[0] is Notation.DECIMAL_COMMA:
            notes.append(("decimal_comma", "numbers are spelled with a decimal comma and were read so"))
        if kind in (Kind.FLOAT, Kind.INTEGER) and self._notations[0] is Notation.THOUSANDS:
            notes.append(("thousands_separator", "commas group thousands and were left out"))
        if kind is Kind.STRING and self._notations and evidence.ambiguous:
            notes.append(
                ("ambiguous_number", "a comma such as in 1,234 may be a decimal comma or group thousands: kept as text")
            )
        if self._notations and self._notations[0] in _ORDERED:
            notes.append(_date_note(evidence))
        if self._formulas:
            text = f"{self._formulas:,} cells begin like formulas: they are kept as text and must not be run as such"
            notes.append(("formula_cells", text))
        if kind is Kind.STRING and evidence.leading_zeros:
            notes.append(("leading_zeros", "digits with leading zeros are kept as text"))
        if kind is Kind.STRING and evidence.beyond_int64:
            notes.append(("integer_beyond_range", "whole numbers too large to be held exactly are kept as text"))
        return notes


def _date_note(evidence: Evidence) -> Note:
    if not (evidence.day_first or evidence.month_first):
        return (
            "ambiguous_date",
            "dates such as 03/04/2024 may begin with the day or the month, and none of them tells: kept as text",
        )
    which = "day" if evidence.day_first else "month"
    return ("date_order", f"dates begin with the {which} and were read so")


def _exact_as_float(values: pa.Array) -> bool:
    extremes = pc.min_max(values).as_py()
    return bool(extremes["min"] >= -EXACT_INTEGER and extremes["max"] <= EXACT_INTEGER)


_KINDS: dict[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    str: Kind.STRING,
    dt.date: Kind.DATE,
    dt.datetime: Kind.DATETIME,
    dt.time: Kind.TIME,
}
_MISSING = type(None)


class ValueColumn:
    """Cells that carry a type already, as JSON and workbooks have them."""

    def __init__(self, *, integral_floats: bool = False, text_notations: Sequence[Notation] = ()) -> None:
        self._integral_floats = integral_floats
        """Workbooks keep every number as a float: whole ones count as integers there."""
        self._text = TextColumn(text_notations)
        self._seen: set[type] = set()
        self._fraction = False
        self._inexact = False
        self._beyond_int64 = False
        self._tokens: Counter[str] = Counter()

    @property
    def kind(self) -> Kind:
        """The kind that fits everything taken so far."""
        seen = self._seen
        if not seen:
            return Kind.STRING if self._tokens else Kind.NULL
        if seen == {str}:
            return self._text.kind
        if seen <= {int, float}:
            return self._number_kind()
        if seen <= {dt.date, dt.datetime}:
            return Kind.DATETIME if dt.datetime in seen else Kind.DATE
        return _KINDS.get(next(iter(seen)), Kind.STRING) if len(seen) == 1 else Kind.STRING

    def _number_kind(self) -> Kind:
        if float in self._seen and (self._fraction or not self._integral_floats):
            return Kind.STRING if self._inexact else Kind.FLOAT
        return Kind.STRING if self._beyond_int64 else Kind.INTEGER

    def restart(self) -> None:
        """Begins another pass, keeping which types were seen."""
        self._tokens.clear()
        self._text.restart()

    def take(self, raw: list[Any]) -> pa.Array:
        """Learns from a block of Python values (None and "": missing) and returns it in the kind that now fits."""
        types = set(map(type, raw))
        if str in types:
            raw = [None if value == "" else value for value in raw]
            types = set(map(type, raw))
        types.discard(_MISSING)
        if str in types and types | self._seen != {str}:
            raw, types = self._without_tokens(raw, types)
        self._seen |= types
        self._learn_numbers(raw, types)
        return self._render(raw)

    def _without_tokens(self, raw: list[Any], types: set[type]) -> tuple[list[Any], set[type]]:
        """Texts beside values of another type: they mean missing when each of them spells it."""
        texts = [value.strip() for value in raw if type(value) is str]
        if str in self._seen or not all(text in NULL_TOKENS for text in texts):
            return raw, types
        self._tokens.update(texts)
        return [None if type(value) is str else value for value in raw], types - {str}

    def _learn_numbers(self, raw: list[Any], types: set[type]) -> None:
        if float in types and self._integral_floats and not self._fraction:
            self._fraction = any(
                type(value) is float and not (value.is_integer() and abs(value) <= EXACT_INTEGER) for value in raw
            )
        if int in types and not self._beyond_int64:
            integers = [value for value in raw if type(value) is int]
            least, greatest = min(integers), max(integers)
            self._inexact = self._inexact or least < -EXACT_INTEGER or greatest > EXACT_INTEGER
            self._beyond_int64 = least < -(2**63) or greatest >= 2**63

    def _render(self, raw: list[Any]) -> pa.Array:
        kind = self.kind
        if self._seen == {str}:
            return self._text.take(pa.array(raw, pa.string()))
        if kind is Kind.NULL or not self._seen:
            return nulls(len(raw), kind)
        return _RENDER.get(kind, _plain)(raw, kind)

    def notes(self) -> list[Note]:
        """Which types met in the column and what was read as missing."""
        notes: list[Note] = [] if self._seen != {str} else list(self._text.notes())
        if self._tokens and self.kind is not Kind.STRING:
            spelled = ", ".join(f"{count} × {token}" for token, count in self._tokens.most_common())
            notes.append(("null_tokens", f"read as missing: {spelled}"))
        if self.kind is Kind.STRING and len(self._seen) > 1:
            names = ", ".join(sorted(_KINDS[kind].value if kind in _KINDS else "nested" for kind in self._seen))
            notes.append(("mixed_types", f"values of several types ({names}) are kept as text"))
        if self.kind is Kind.STRING and self._seen <= {int, float} and self._seen:
            notes.append(("integer_beyond_range", "whole numbers too large to be held exactly are kept as text"))
        return notes


def _plain(raw: list[Any], kind: Kind) -> pa.Array:
    return pa.array(raw, ARROW_TYPES[kind])


def _integers(raw: list[Any], _kind: Kind) -> pa.Array:
    return pa.array([None if value is None else int(value) for value in raw], pa.int64())


def _floats(raw: list[Any], _kind: Kind) -> pa.Array:
    return pa.array([None if value is None else float(value) for value in raw], pa.float64())


def _datetimes(raw: list[Any], _kind: Kind) -> pa.Array:
    values = [dt.datetime.combine(value, dt.time()) if type(value) is dt.date else value for value in raw]
    return pa.array(values, pa.timestamp("us"))


def _texts(raw: list[Any], _kind: Kind) -> pa.Array:
    return pa.array([None if value is None else as_text(value) for value in raw], pa.string())


_RENDER: dict[Kind, Callable[[list[Any], Kind], pa.Array]] = {
    Kind.INTEGER: _integers,
    Kind.FLOAT: _floats,
    Kind.DATETIME: _datetimes,
    Kind.STRING: _texts,
}


def as_text(value: Any) -> str:
    """A value as the text that a reader of the file would expect."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _nested_text(value)
    if isinstance(value, dt.date | dt.datetime | dt.time):
        return value.isoformat()
    return str(value)


def _nested_text(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:  # whole numbers beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
