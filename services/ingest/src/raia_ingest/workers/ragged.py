"""Brings records of another width than the table's to its width where there is one way to do so, and only then."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from raia_ingest.workers.columns import TextColumn
from raia_ingest.workers.kinds import NULL_TOKENS, Kind, Notation

_MOST_STEPS = 50_000
"""Work spent on one record; what would take more is rejected."""


@dataclass(frozen=True)
class Mended:
    """A record of the table's width, and how it came to it."""

    cells: list[str]
    reason: str
    message: str


@dataclass(frozen=True)
class _Shape:
    """What a column's other cells look like."""

    kind: Kind
    notation: Notation | None
    leading_blanks: bool

    def takes(self, cell: str) -> bool:
        """Whether a cell may stand in the column."""
        if cell == "":
            return True
        if self.kind is Kind.NULL:
            return False
        if self.notation is None:
            return self.leading_blanks or not cell.startswith(" ")
        return spelled(self.notation, cell.strip())


class Mender:
    """Knows the columns of a table and fits records of other widths to them."""

    def __init__(self, columns: Sequence[TextColumn], delimiter: str) -> None:
        self._shapes = [
            _Shape(column.kind, None if column.kind is Kind.STRING else column.notation, column.leading_blanks)
            for column in columns
        ]
        self._delimiter = delimiter

    def mend(self, cells: list[str]) -> Mended | str:
        """The record at the table's width, or the sentence that says why it cannot be brought to it."""
        width, found = len(self._shapes), len(cells)
        told = f"has {found:,} cells instead of {width:,}"
        if not any(cells):
            return Mended([""] * width, "empty_cells", f"{told}, all of them empty")
        if found > width and not any(cells[width:]) and self._fit(cells[:width]):
            return Mended(cells[:width], "trailing_delimiters", f"{told}: empty ones at its end were left out")
        if width * (abs(width - found) + 1) ** 2 > _MOST_STEPS:
            return f"{told}, too many to tell where they belong"
        if width - found == 1:
            ways = self._fill_one(cells)
        elif found - width == 1:
            ways = self._join_one(cells)
        else:
            ways = self._fills(cells) if found < width else self._joins(cells)
        if len(ways) == 1:
            reason = "padded" if found < width else "merged_cells"
            how = "missing cells were left empty" if found < width else "parts of one cell were joined"
            return Mended(ways[0], reason, f"{told}: {how} in the only way that fits the columns")
        return f"{told}, and where they belong is ambiguous" if ways else told

    def _fit(self, cells: Sequence[str]) -> bool:
        return all(shape.takes(cell) for shape, cell in zip(self._shapes, cells, strict=True))

    def _reach(self, cells: list[str]) -> tuple[int, int]:
        """How many cells fit from the first column on, and how many from the last one backwards."""
        shapes, count = self._shapes, min(len(cells), len(self._shapes))
        before = next((at for at in range(count) if not shapes[at].takes(cells[at])), count)
        last, bottom = len(cells) - 1, len(shapes) - 1
        behind = next((at for at in range(count) if not shapes[bottom - at].takes(cells[last - at])), count)
        return before, behind

    def _fill_one(self, cells: list[str]) -> list[list[str]]:
        """Up to two ways to place one cell fewer than there are columns."""
        before, behind = self._reach(cells)
        ways: list[list[str]] = []
        for at in range(max(0, len(cells) - behind), before + 1):
            row = [*cells[:at], "", *cells[at:]]
            if row not in ways:
                ways.append(row)
            if len(ways) > 1:
                break
        return ways

    def _join_one(self, cells: list[str]) -> list[list[str]]:
        """Up to two ways to join two neighbouring cells of a text column."""
        before, behind = self._reach(cells)
        ways: list[list[str]] = []
        for at in range(max(0, len(cells) - 2 - behind), min(before, len(self._shapes) - 1) + 1):
            shape, first, second = self._shapes[at], cells[at], cells[at + 1]
            if shape.kind is Kind.STRING and first and second and shape.takes(first):
                ways.append([*cells[:at], self._delimiter.join((first, second)), *cells[at + 2 :]])
            if len(ways) > 1:
                break
        return ways

    def _fills(self, cells: list[str]) -> list[list[str]]:
        """Up to two ways to place fewer cells than columns, in their order."""
        present = [position for position, cell in enumerate(cells) if cell]
        slack = len(self._shapes) - len(cells)
        ways: list[list[str]] = []

        @cache
        def fits(index: int, shift: int) -> bool:
            """Whether the present cells from ``index`` on fit, the first of them at ``shift`` or more."""
            if index == len(present):
                return True
            at = present[index]
            return any(
                self._shapes[at + moved].takes(cells[at]) and fits(index + 1, moved)
                for moved in range(shift, slack + 1)
            )

        def place(index: int, shift: int, row: list[str]) -> None:
            if len(ways) > 1 or not fits(index, shift):
                return
            if index == len(present):
                ways.append(list(row))
                return
            at = present[index]
            for moved in range(shift, slack + 1):
                if self._shapes[at + moved].takes(cells[at]):
                    row[at + moved] = cells[at]
                    place(index + 1, moved, row)
                    row[at + moved] = ""

        _with_room(len(present), lambda: place(0, 0, [""] * len(self._shapes)))
        return ways

    def _joins(self, cells: list[str]) -> list[list[str]]:
        """Up to two ways to join neighbouring cells of text columns until there are as many as columns."""
        extra = len(cells) - len(self._shapes)
        ways: list[list[str]] = []

        def takes(column: int, start: int, size: int) -> bool:
            shape = self._shapes[column]
            if not shape.takes(cells[start]):
                return False
            return size == 1 or (shape.kind is Kind.STRING and all(cells[start : start + size]))

        @cache
        def fits(column: int, joined: int) -> bool:
            if column == len(self._shapes):
                return joined == extra
            start = column + joined
            return any(
                takes(column, start, size) and fits(column + 1, joined + size - 1)
                for size in range(1, extra - joined + 2)
            )

        def place(column: int, joined: int, row: list[str]) -> None:
            if len(ways) > 1 or not fits(column, joined):
                return
            if column == len(self._shapes):
                ways.append(list(row))
                return
            start = column + joined
            for size in range(1, extra - joined + 2):
                if takes(column, start, size):
                    row.append(self._delimiter.join(cells[start : start + size]))
                    place(column + 1, joined + size - 1, row)
                    row.pop()

        _with_room(len(self._shapes), lambda: place(0, 0, []))
        return ways


def _with_room(depth: int, work: Callable[[], None]) -> None:
    """Runs what recurses once a cell; records too wide for the stack stay unmended."""
    if depth <= 200:
        work()


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"-?([0-9]{1,3}([.][0-9]{3})+|0|[1-9][0-9]*)(,[0-9]+)?")
_GROUPED = re.compile(r"-?([0-9]{1,3}(,[0-9]{3})+|0|[1-9][0-9]*)([.][0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTES = r"[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_CLOCK = rf"[0-9]{{2}}:{_MINUTES}"
_SLASHED = re.compile(rf"([0-9]{{1,2}})[/.-]([0-9]{{1,2}})[/.-]([0-9]{{4}})( [0-9]{{1,2}}:{_MINUTES})?")


def spelled(notation: Notation, text: str) -> bool:
    """Whether a cell is spelled as a column's others are; what parsing takes is wider."""
    return text == "" or text in NULL_TOKENS or _SPELLED[notation](text)


def _integer(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and abs(int(text)) < 2**53 and text != "-0"


def _float(text: str) -> bool:
    plain = _FRACTION.fullmatch(text) is not None
    return plain and not re.match(r"[+-]?0[0-9]", text) and abs(float(text)) < 2**53 and text[0] != "+"


def _date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _datetime(text: str) -> bool:
    return len(text) >= 16 and text[10] in " T" and _date(text[:10]) and re.fullmatch(_CLOCK, text[11:]) is not None


def _datetime_utc(text: str) -> bool:
    plain = re.sub(r"(Z|[+-][0-9]{2}:?[0-9]{2})$", "", text)
    return plain != text and _datetime(plain)


def _ordered(day_first: bool, clock: bool) -> Callable[[str], bool]:
    def matches(text: str) -> bool:
        found = _SLASHED.fullmatch(text)
        if found is None or (found[4] is not None) != clock:
            return False
        first, second = int(found[1]), int(found[2])
        day, month = (first, second) if day_first else (second, first)
        try:
            dt.date(int(found[3]), month, day)
        except ValueError:
            return False
        return True

    return matches


_SPELLED: dict[Notation, Callable[[str], bool]] = {
    Notation.BOOLEAN: lambda text: text.lower() in ("true", "false"),
    Notation.INTEGER: _integer,
    Notation.FLOAT: _float,
    Notation.DATE: _date,
    Notation.DATETIME: _datetime,
    Notation.DATETIME_UTC: _datetime_utc,
    Notation.TIME: lambda text: re.fullmatch(_CLOCK, text) is not None,
    Notation.DECIMAL_COMMA: lambda text: _COMMA.fullmatch(text) is not None,
    Notation.THOUSANDS: lambda text: _GROUPED.fullmatch(text) is not None,
    Notation.DAY_FIRST_DATE: _ordered(True, False),
    Notation.MONTH_FIRST_DATE: _ordered(False, False),
    Notation.DAY_FIRST_DATETIME: _ordered(True, True),
    Notation.MONTH_FIRST_DATETIME: _ordered(False, True),
}
