"""Reads workbooks (xlsx, xlsm, xlsb, xls, ods): stored values only, the first sheet that holds any."""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import python_calamine as calamine

from raia_ingest import errors
from raia_ingest.workers import archive
from raia_ingest.workers.columns import ValueColumn
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits

_BLOCK_ROWS = 10_000
_LOOK_ROWS = 50
_ERROR_CELL = re.compile(r"^#(DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|GETTING_DATA|SPILL!|CALC!)$")


class WorkbookSource:
    """One sheet of a workbook."""

    file_type = "excel"

    def __init__(self, path: Path, filename: str, limits: Limits) -> None:
        self._path = path
        self._filename = filename
        self.notes: list[FileNote] = []
        if zipfile.is_zipfile(path):
            archive.verify(path, filename, limits)
            self.notes += archive.active_parts(path)
        self._sheet = self._open()
        self._error_cells = 0
        self._rows_read = 0
        self.ledger = Ledger()
        self._start, self._header, names = self._layout(limits)
        naming = Headers()
        self._headers = [naming.name(name, position) for position, name in enumerate(names)]
        self.notes += (
            naming.notes
            if self._header
            else [FileNote("no_header", "the first row looks like data: names were made for the columns")]
        )

    def _open(self) -> calamine.CalamineSheet:
        try:
            workbook = calamine.load_workbook(self._path)
            kinds = {sheet.name: sheet for sheet in workbook.sheets_metadata}
            candidates = [name for name, sheet in kinds.items() if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
            candidates.sort(key=lambda name: kinds[name].visible != calamine.SheetVisibleEnum.Visible)
            for name in candidates:
                sheet = workbook.get_sheet_by_name(name)
                if sheet.height:
                    others = [other for other in candidates if other != name]
                    if others:
                        text = f"only the sheet {name!r} was read, not {', '.join(map(repr, others[:20]))}"
                        self.notes.append(FileNote("sheets_ignored", text))
                    return sheet
        except calamine.PasswordError as error:
            raise errors.encrypted(self._filename) from error
        except (calamine.CalamineError, OSError, ValueError) as error:
            raise errors.corrupt(self._filename, "its workbook cannot be opened") from error
        except BaseException as error:
            # The library panics at some damage; its exception derives from BaseException alone and has no public name.
            if type(error).__name__ == "PanicException":
                raise errors.corrupt(self._filename, "its workbook cannot be opened") from error
            raise
        raise errors.empty(self._filename)

    def _layout(self, limits: Limits) -> tuple[int, bool, list[str]]:
        """Rows before the header, whether there is one, and the names in it."""
        rows = list(islice(self._sheet.iter_rows(), _LOOK_ROWS))
        width = max(map(len, rows))
        if width > limits.max_columns:
            raise errors.too_many_columns(width, limits.max_columns)
        filled = [sum(cell != "" for cell in row) for row in rows]
        usual = Counter(count for count in filled if count).most_common(1)[0][0]
        start = next(position for position, count in enumerate(filled) if count >= min(usual, width) - 1 and count)
        if start:
            self.notes.append(FileNote("preamble", f"{start} rows before the header are not part of the table"))
        first, below = rows[start], rows[start + 1 :]
        header = self._names_columns(first, below)
        names = ["" if cell == "" else str(cell) for cell in first] if header else [""] * width
        return start, header, names + [""] * (width - len(names))

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
        return {"sheet": self._sheet.name, "header": self._header, "skipped_records": self._start}

    def blocks(self) -> Iterator[Block]:
        """Another pass over the sheet; empty rows are rejected in the ledger, error cells become missing values."""
        self.ledger = Ledger()
        self._error_cells = self._rows_read = 0
        rows = islice(self._sheet.iter_rows(), self._start + int(self._header), None)
        number = 0
        while taken := list(islice(rows, _BLOCK_ROWS)):
            self._rows_read += len(taken)
            kept = []
            for row in taken:
                number += 1
                if any(cell != "" for cell in row):
                    kept.append(row)
                else:
                    self.ledger.reject(number, "is empty")
            if kept:
                yield self._block(kept)
        if self._error_cells and not any(note.kind == "error_cells" for note in self.notes):
            text = f"{self._error_cells:,} cells hold an error such as #DIV/0! and were read as missing"
            self.notes.append(FileNote("error_cells", text))

    def _block(self, rows: list[list[Any]]) -> Block:
        self.ledger.stored += len(rows)
        cells = zip(*rows, strict=True)
        return Block(
            len(rows), {header.name: self._clean(column) for header, column in zip(self._headers, cells, strict=True)}
        )

    def _clean(self, column: tuple[Any, ...]) -> list[Any]:
        cleaned: list[Any] = []
        for cell in column:
            if isinstance(cell, str) and cell.startswith("#") and _ERROR_CELL.match(cell):
                self._error_cells += 1
                cleaned.append(None)
            else:
                cleaned.append(cell)
        return cleaned
