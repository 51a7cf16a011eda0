"""Reads workbooks (xlsx, xlsm, xlsb, xls, ods): stored values only, of one sheet."""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import python_calamine as calamine

from raia_ingest import errors
from raia_ingest.workers import biff, package
from raia_ingest.workers.columns import ValueColumn
from raia_ingest.workers.ledger import Entry, Ledger
from raia_ingest.workers.merges import Merges
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

_BLOCK_ROWS = 10_000
_LOOK_ROWS = 50
_LISTED_BYTES = 20 * 1024**2
"""Workbooks up to this size have all their sheets looked at, to tell which hold something."""
_ERROR_CELL = re.compile(r"^#(DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|GETTING_DATA|SPILL!|CALC!)$")


class WorkbookSource:
    """One sheet of a workbook."""

    file_type = "excel"

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:
        self._path = path
        self._filename = filename
        self.notes: list[FileNote] = []
        self.parts: list[Part] = []
        if zipfile.is_zipfile(path):
            formulas = package.verify(path, filename, limits)
            if formulas:
                text = f"the workbook holds {formulas:,} formulas: their last stored values were read"
                self.notes.append(FileNote("formulas", text))
            self.notes += package.active_parts(path)
        else:
            biff.verify(path, filename, limits)
        self._sheet = self._open(wanted.part)
        self._merges = Merges(self._sheet.merged_cell_ranges or [], self._sheet.start or (0, 0), self._sheet.width)
        self._error_cells = 0
        self._rows_read = 0
        self.ledger = Ledger()
        self._start, self._header_rows, names = self._layout(limits)
        naming = Headers()
        self._headers = [naming.name(name, position) for position, name in enumerate(names)]
        self.notes += (
            naming.notes
            if self._header_rows
            else [FileNote("no_header", "the first row looks like data: names were made for the columns")]
        )

    def _open(self, part: str) -> calamine.CalamineSheet:
        try:
            workbook = calamine.load_workbook(self._path)
            return self._choose(workbook, part)
        except calamine.PasswordError as error:
            raise errors.encrypted(self._filename) from error
        except (calamine.CalamineError, OSError, ValueError) as error:
            raise errors.corrupt(self._filename, "its workbook cannot be opened") from error
        except BaseException as error:
            # The library panics at some damage; its exception derives from BaseException alone and has no public name.
            if type(error).__name__ == "PanicException":
                raise errors.corrupt(self._filename, "its workbook cannot be opened") from error
            raise

    def _choose(self, workbook: calamine.CalamineWorkbook, part: str) -> calamine.CalamineSheet:
        """The sheet of the name, else the first visible one that holds something, else the first hidden one."""
        kinds = {sheet.name: sheet for sheet in workbook.sheets_metadata}
        candidates = [name for name, sheet in kinds.items() if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        hidden = {name for name in candidates if kinds[name].visible != calamine.SheetVisibleEnum.Visible}
        if part and part not in candidates:
            raise errors.part_missing(self._filename, part, candidates)
        chosen: calamine.CalamineSheet | None = None
        heights: dict[str, int] = {}
        small = self._path.stat().st_size <= _LISTED_BYTES
        for name in [part] if part else sorted(candidates, key=lambda name: name in hidden):
            sheet = workbook.get_sheet_by_name(name)
            heights[name] = sheet.height
            if sheet.height:
                chosen = sheet
                break
        if chosen is None:
            raise errors.empty(self._filename)
        for name in candidates if small and len(candidates) > 1 else []:
            if name not in heights:
                heights[name] = workbook.get_sheet_by_name(name).height
        for name in candidates if len(candidates) > 1 else []:
            rows = f"{heights[name]:,} rows" if name in heights else ""
            note = ", ".join(filter(None, [rows, "hidden" if name in hidden else ""]))
            self.parts.append(Part(name, "sheet", heights.get(name, 1) > 0, name == chosen.name, note))
        others = [name for name in candidates if name != chosen.name]
        if others:
            text = f"only the sheet {chosen.name!r} was read, not {', '.join(map(repr, others[:20]))}"
            self.notes.append(FileNote("sheets_ignored", text))
        return chosen

    def _layout(self, limits: Limits) -> tuple[int, int, list[str]]:
        """Rows before the header, rows of the header (0 to 2), and the names in it."""
        rows = list(islice(self._sheet.iter_rows(), _LOOK_ROWS))
        width = max(map(len, rows))
        if width > limits.max_columns:
            raise errors.too_many_columns(width, limits.max_columns)
        whole = [self._merges.filled(number, rows) for number in range(len(rows))]
        filled = [sum(cell != "" for cell in row) for row in whole]
        usual = Counter(count for count in filled if count).most_common(1)[0][0]
        start = next(position for position, count in enumerate(filled) if count >= min(usual, width) - 1 and count)
        if start:
            self.notes.append(FileNote("preamble", f"{start} rows before the header are not part of the table"))
        grouped = start + 1 < len(rows) and self._merges.groups(start)
        if grouped and self._names_columns(whole[start + 1], whole[start + 2 :]):
            self.notes.append(FileNote("header_of_two_rows", "groups of columns and their names were joined"))
            names = [_joined(top, below) for top, below in zip(whole[start], whole[start + 1], strict=True)]
            return start, 2, names + [""] * (width - len(names))
        first, below = whole[start], whole[start + 1 :]
        header = self._names_columns(first, below)
        names = ["" if cell == "" else str(cell) for cell in first] if header else [""] * width
        return start, int(header), names + [""] * (width - len(names))

    @staticmethod
    def _names_columns(first: list[Any], below: list[list[Any]]) -> bool:
        """Whether the first row names the columns, judged by how it differs from those below it."""
        if not any(isinstance(cell, str) and cell for cell in first):
            return False
        score = 0
        for position, top in enumerate(first):
            column = [row[position] for row in below if row[position] != ""]
            if not column or top == "":
                continue
            if not any(isinstance(cell, str) for cell in column):
                year = isinstance(top, float) and top.is_integer() and 1900 <= top <= 2100
                score += 2 if isinstance(top, str) else 0 if year else -2
            elif top in column:
                score -= 1
        texts = [cell for cell in first if isinstance(cell, str) and cell]
        return score > 0 or (score == 0 and len(set(texts)) == len([cell for cell in first if cell != ""]))

    def headers(self) -> list[Header]:
        """The columns, in order."""
        return self._headers

    def new_column(self, name: str) -> ValueColumn:  # noqa: ARG002 - all columns are alike
        """A column of cell values, whose whole floats count as integers."""
        return ValueColumn(integral_floats=True)

    def progress(self) -> float:
        """Rows read over rows of the sheet."""
        return min(1.0, self._rows_read / max(1, self._sheet.height))

    def reading(self) -> dict[str, Any]:
        """Sheet and header."""
        return {
            "sheet": self._sheet.name,
            "header": self._header_rows > 0,
            "header_rows": self._header_rows,
            "skipped_records": self._start,
        }

    def blocks(self) -> Iterator[Block]:
        """Another pass over the sheet.

        Empty rows and titles across the table are rejected in the ledger, cells below a merged one get its value, error
        cells become missing values.
        """
        self.ledger.restart()
        self._error_cells = self._rows_read = 0
        first = self._start + self._header_rows
        fill = self._merges.down(first)
        rows = islice(self._sheet.iter_rows(), first, None)
        number = 0
        while taken := list(islice(rows, _BLOCK_ROWS)):
            self._rows_read += len(taken)
            kept: list[list[Any]] = []
            numbers: list[int] = []
            repairs: dict[int, list[Entry]] = {}
            for row in taken:
                number += 1
                if not any(cell != "" for cell in row) and not fill.covers(first + number - 1):
                    self.ledger.reject(number, "empty_row", "is empty")
                    continue
                title = self._merges.title(first + number - 1, row)
                if title is not None:
                    self.ledger.reject(number, "title_row", "is a title across the table, not a record of it", title)
                    continue
                for position in fill.into(first + number - 1, row):
                    text = "lies under a merged cell, whose value it was given"
                    entry = Entry("merged_cells", text, self._headers[position].name, str(row[position]))
                    repairs.setdefault(number, []).append(entry)
                kept.append(row)
                numbers.append(number)
            if kept:
                yield self._block(kept, numbers, repairs)
        if self._error_cells and not any(note.kind == "error_cells" for note in self.notes):
            text = f"{self._error_cells:,} cells hold an error such as #DIV/0! and were read as missing"
            self.notes.append(FileNote("error_cells", text))

    def _block(self, rows: list[list[Any]], numbers: list[int], repairs: dict[int, list[Entry]]) -> Block:
        cells = zip(*rows, strict=True)
        columns = {
            header.name: self._clean(header.name, column, numbers, repairs)
            for header, column in zip(self._headers, cells, strict=True)
        }
        self.ledger.take(len(rows), repairs)
        return Block(len(rows), columns)

    def _clean(
        self, name: str, column: tuple[Any, ...], numbers: list[int], repairs: dict[int, list[Entry]]
    ) -> list[Any]:
        cleaned: list[Any] = []
        for position, cell in enumerate(column):
            if isinstance(cell, str) and cell.startswith("#") and _ERROR_CELL.match(cell):
                self._error_cells += 1
                entry = Entry("error_cell", "holds an error instead of a value: read as missing", name, cell)
                repairs.setdefault(numbers[position], []).append(entry)
                cleaned.append(None)
            else:
                cleaned.append(cell)
        return cleaned


def _joined(top: Any, below: Any) -> str:
    """A column's name under the name of its group."""
    words = [str(each).strip() for each in (top, below) if each != ""]
    return words[0] if len(set(words)) == 1 else " ".join(words)
