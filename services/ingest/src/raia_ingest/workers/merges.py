"""Merged cells of a sheet: the file keeps the value in the first of them alone, a reader sees it in all."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class _Merge:
    top: int
    left: int
    bottom: int
    right: int


class Merges:
    """The merged ranges of a sheet, by the rows and columns that a reader of its filled part sees."""

    def __init__(self, ranges: Sequence[Range], start: tuple[int, int], width: int) -> None:
        self._width = width
        self._by_row: dict[int, list[_Merge]] = defaultdict(list)
        for (top, left), (bottom, right) in ranges:
            merge = _Merge(top - start[0], left - start[1], bottom - start[0], min(right - start[1], width - 1))
            if 0 <= merge.top <= merge.bottom and 0 <= merge.left <= merge.right:
                self._by_row[merge.top].append(merge)

    def filled(self, number: int, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """A row among the first ones with the values of the merged cells that reach into it, titles left alone."""
        row = list(rows[number])
        for top in range(number + 1):
            for merge in self._by_row.get(top, ()):
                if merge.bottom < number or self._is_title(merge):
                    continue
                for position in range(merge.left, merge.right + 1):
                    if row[position] == "":
                        row[position] = rows[top][merge.left]
        return row

    def groups(self, number: int) -> bool:
        """Whether cells of the row name several columns together."""
        return any(
            merge.right > merge.left and merge.bottom == number and not self._is_title(merge)
            for merge in self._by_row.get(number, ())
        )

    def title(self, number: int, row: Sequence[Any]) -> str | None:
        """The text of a row that is nothing but one cell across the table."""
        across = any(self._is_title(merge) for merge in self._by_row.get(number, ()))
        present = [cell for cell in row if cell != ""]
        return str(present[0]) if across and len(present) == 1 else None

    def _is_title(self, merge: _Merge) -> bool:
        return self._width > 2 and merge.right - merge.left + 1 >= self._width - 1

    def down(self, first: int) -> "Fill":
        """What fills the cells below merged ones, in the rows from ``first`` on."""
        tall = {
            number: [merge for merge in merges if merge.bottom > merge.top and not self._is_title(merge)]
            for number, merges in self._by_row.items()
            if number >= first
        }
        return Fill({number: merges for number, merges in tall.items() if merges})


@dataclass
class Fill:
    """Goes down a sheet row by row with the values of the merged cells that reach into the rows below them."""

    _tall: dict[int, list[_Merge]]
    _open: list[tuple[_Merge, Any]] = field(default_factory=list)

    def covers(self, number: int) -> bool:
        """Whether a merged cell with a value reaches into the row."""
        return any(merge.top < number <= merge.bottom and value != "" for merge, value in self._open)

    def into(self, number: int, row: list[Any]) -> list[int]:
        """Fills a row's cells; returns the places of those that changed. Rows must come in their order."""
        changed: list[int] = []
        if self._open:
            self._open = [(merge, value) for merge, value in self._open if merge.bottom >= number]
            for merge, value in self._open:
                for position in range(merge.left, merge.right + 1):
                    if value != "" and row[position] == "":
                        row[position] = value
                        changed.append(position)
        self._open += [(merge, row[merge.left]) for merge in self._tall.get(number, ())]
        return changed
