"""Reads files whose columns lie at fixed places of each line, by a layout that the uploader gives."""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from raia_ingest import errors
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers.columns import TextColumn
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.ledger import Entry, Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

_BLOCK_RECORDS = 10_000
_LONGEST_LINE = 16 * 1024**2


class FixedWidthSource:
    """A file of lines, cut by a layout."""

    file_type = "fixed_width"

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:
        self._path, self._filename, self._skip = path, filename, wanted.skip
        self._layout = sorted(wanted.layout, key=lambda field: field.start)
        if len(self._layout) > limits.max_columns:
            raise errors.too_many_columns(len(self._layout), limits.max_columns)
        for left, right in zip(self._layout, self._layout[1:], strict=False):
            if left.start + left.width > right.start:
                raise errors.bad_layout(f"{left.name!r} and {right.name!r} overlap")
        self._end = max(field.start + field.width - 1 for field in self._layout)
        self._size = max(1, path.stat().st_size)
        self._encoding = encodings.detect(path)
        naming = Headers()
        self._headers = [naming.name(field.name, position) for position, field in enumerate(self._layout)]
        self.notes: list[FileNote] = naming.notes
        if self._encoding.name != "utf-8":
            text = f"the file is encoded in {self._encoding.name} and was converted to UTF-8"
            self.notes.insert(0, FileNote("encoding", text))
        self.parts: list[Part] = []
        self.ledger = Ledger()
        self._stream: Utf8Stream | None = None

    def headers(self) -> list[Header]:
        """The columns, in the order of their places."""
        return self._headers

    def new_column(self, name: str) -> TextColumn:  # noqa: ARG002 - all columns of text are alike
        """A column of text cells."""
        return TextColumn()

    def progress(self) -> float:
        """Bytes read over bytes of the file."""
        return min(1.0, self._stream.consumed / self._size) if self._stream else 0.0

    def reading(self) -> dict[str, Any]:
        """The encoding and the layout."""
        layout = [{"name": field.name, "start": field.start, "width": field.width} for field in self._layout]
        return {"encoding": self._encoding.name, "layout": layout, "skipped_records": self._skip}

    def blocks(self) -> Iterator[Block]:
        """Another pass; lines with text behind the last column are rejected, lines that end early are filled up."""
        self.ledger.restart()
        self._stream = Utf8Stream(self._path, self._encoding)
        with BufferedReader(self._stream, 1024**2) as lines:
            rows: list[list[str | None]] = []
            repairs: dict[int, list[Entry]] = {}
            number, before = 0, self._skip
            while line := lines.readline(_LONGEST_LINE):
                if len(line) >= _LONGEST_LINE:
                    raise errors.corrupt(self._filename, f"a line is longer than {_LONGEST_LINE // 1024**2} MiB")
                if before:
                    before -= 1
                    continue
                if not line.strip(b"\r\n\x1a"):
                    continue
                number += 1
                row = self._cut(number, line.decode("utf-8", "replace").rstrip("\r\n"), repairs)
                if row is not None:
                    rows.append(row)
                if len(rows) >= _BLOCK_RECORDS:
                    yield self._block(rows, repairs)
                    rows, repairs = [], {}
            if rows:
                yield self._block(rows, repairs)

    def _cut(self, number: int, line: str, repairs: dict[int, list[Entry]]) -> list[str | None] | None:
        if line[self._end :].strip():
            self.ledger.reject(number, "too_long", f"has text behind column {self._end:,} of its line", line)
            return None
        cells = [line[field.start - 1 : field.start - 1 + field.width].strip() for field in self._layout]
        entries = []
        missing = sum(field.start > len(line) for field in self._layout)
        if missing:
            text = f"ends before its last {missing:,} columns, which were left empty"
            entries.append(Entry("padded", text, content=line))
        if "\0" in line:
            cells = [cell.replace("\0", "").strip() for cell in cells]
            entries.append(Entry("stray_nul", "held NUL characters, which were left out", content=line))
        if self._encoding.invalid and "\ufffd" in line:
            text = "held bytes that are not of the file's encoding and became U+FFFD"
            entries.append(Entry("invalid_characters", text, content=line))
        if entries:
            repairs[number] = entries
        return [cell or None for cell in cells]

    def _block(self, rows: list[list[str | None]], repairs: dict[int, list[Entry]]) -> Block:
        self.ledger.take(len(rows), repairs)
        cells = zip(*rows, strict=True)
        columns = {
            header.name: pa.array(column, pa.string()) for header, column in zip(self._headers, cells, strict=True)
        }
        return Block(len(rows), columns)
