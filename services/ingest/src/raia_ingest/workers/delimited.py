"""Reads CSV, TSV and their kin: any delimiter, quoting and encoding, streaming."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from raia_ingest import errors
from raia_ingest.workers import dialect as dialects
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers.columns import TextColumn
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, PassAgain

_BLOCK_BYTES = 1024**2
"""Blocks that fit the processor's cache are converted twice as fast as larger ones."""
_LONGEST_RECORD = 64 * 1024**2
_NUL_SHARE = 0.001


class DelimitedSource:
    """A delimited text file."""

    def __init__(self, path: Path, filename: str, limits: Limits) -> None:
        self._path = path
        self._filename = filename
        self._limits = limits
        self._size = max(1, path.stat().st_size)
        self.ledger = Ledger()
        self._stream: Utf8Stream | None = None
        self._block_bytes = _BLOCK_BYTES
        guessed = encodings.guess(path)
        self._certain = guessed is None
        self._look(guessed or encodings.detect(path))

    def _look(self, encoding: encodings.Encoding) -> None:
        """Learns what it takes to read the file in the encoding."""
        self._encoding = encoding
        self._refuse_binary()
        self._dialect = self._detect_dialect(self._limits)
        self.file_type = "tsv" if self._dialect.delimiter == "\t" else "csv"
        naming = Headers()
        names = self._dialect.names or [""] * self._dialect.width
        self._headers = [naming.name(name, position) for position, name in enumerate(names)]
        self.notes = self._file_notes() + (naming.notes if self._dialect.header else [])

    def _refuse_binary(self) -> None:
        if self._encoding.nulls > max(8, self._size * _NUL_SHARE):
            raise errors.unreadable(self._filename, "binary data", "upload CSV, TSV, Excel, JSON lines or Parquet")

    def _detect_dialect(self, limits: Limits) -> dialects.Dialect:
        with Utf8Stream(self._path, self._encoding) as stream:
            data = stream.read(dialects.SAMPLE_CHARACTERS)
            whole = not stream.read(1)
        text = data.decode("utf-8", "ignore" if not whole else "strict")
        self._refuse_control_characters(text)
        if not text.strip():
            raise errors.empty(self._filename)
        found = dialects.detect(text, whole)
        width = found.width
        if not whole and not any(end in text for end in "\n\r"):
            width = self._first_record_width(found.delimiter)
        if width > limits.max_columns:
            raise errors.too_many_columns(width, limits.max_columns)
        return found

    def _refuse_control_characters(self, text: str) -> None:
        odd = sum(text.count(chr(code)) for code in range(32) if code not in (1, 9, 10, 12, 13, 26, 27, 31))
        replaced = text.count("\ufffd")
        if odd > max(8, len(text) * 0.01) or replaced > max(64, len(text) * 0.2):
            raise errors.unreadable(self._filename, "binary data", "upload CSV, TSV, Excel, JSON lines or Parquet")

    def _first_record_width(self, delimiter: str) -> int:
        """Cells of a first line so long that the sample ends inside it."""
        width = 1
        with Utf8Stream(self._path, self._encoding) as stream:
            while chunk := stream.read(1024**2):
                line, ended, _ = chunk.partition(b"\n")
                width += line.count(delimiter.encode())
                if ended:
                    break
        return width

    def _file_notes(self) -> list[FileNote]:
        notes = []
        encoding = self._encoding
        if encoding.name != "utf-8":
            notes.append(FileNote("encoding", f"the file is encoded in {encoding.name} and was converted to UTF-8"))
        if encoding.invalid:
            notes.append(
                FileNote(
                    "invalid_characters",
                    f"{encoding.invalid:,} byte sequences are not valid {encoding.name} and became U+FFFD",
                )
            )
        if self._dialect.skipped:
            notes.append(
                FileNote("preamble", f"{self._dialect.skipped} records before the header are not part of the table")
            )
        if not self._dialect.header:
            notes.append(FileNote("no_header", "the first record looks like data: names were made for the columns"))
        return notes

    def headers(self) -> list[Header]:
        """The columns, in order."""
        return self._headers

    def new_column(self, name: str) -> TextColumn:  # noqa: ARG002 - all columns of text are alike
        """A column of text cells."""
        return TextColumn()

    def progress(self) -> float:
        """Bytes read over bytes of the file."""
        return min(1.0, self._stream.consumed / self._size) if self._stream else 0.0

    def reading(self) -> dict[str, Any]:
        """Encoding and dialect."""
        found = self._dialect
        return {
            "encoding": self._encoding.name,
            "delimiter": found.delimiter,
            "quote": found.quote or "",
            "escape": found.escape or "",
            "header": found.header,
            "skipped_records": found.skipped,
        }

    def blocks(self) -> Iterator[Block]:
        """Another pass over the file; raises ``BadFile`` when a quoted cell never ends."""
        self.ledger = Ledger()
        self._stream = Utf8Stream(self._path, self._encoding)
        names = [header.name for header in self._headers]
        leading = self._dialect.skipped + (1 if self._dialect.header else 0)
        try:
            with self._stream:
                reader = self._open(self._stream, names, leading)
                yield from self._read(reader, leading)
        except pa.ArrowInvalid as error:
            raise self._explain(error) from error

    def _open(self, stream: Utf8Stream, names: list[str], leading: int) -> Any:
        def reject(row: Any) -> str:
            if row.number > leading:
                what = f"has {row.actual_columns} cells instead of {row.expected_columns}"
                self.ledger.reject(row.number - leading, what)
                self._last_rejected = row.text
            else:
                self._leading_rejected += 1
            return "skip"

        self._leading_rejected = 0
        self._last_rejected = ""
        found = self._dialect
        return arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=self._block_bytes, use_threads=False, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=found.delimiter,
                quote_char=found.quote or False,
                double_quote=found.escape is None,
                escape_char=found.escape or False,
                newlines_in_values=found.quote is not None,
                ignore_empty_lines=found.width > 1,
                invalid_row_handler=reject,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def _read(self, reader: Any, leading: int) -> Iterator[Block]:
        skip: int | None = None
        last: pa.RecordBatch | None = None
        for batch in reader:
            if batch.num_rows == 0:
                continue
            if skip is None:
                # Header and title stand among the data; those of another width were counted as they were refused.
                skip = max(0, leading - self._leading_rejected)
            dropped = min(skip, batch.num_rows)
            skip -= dropped
            kept = batch.slice(dropped)
            if kept.num_rows:
                last = kept
                self.ledger.stored += kept.num_rows
                yield Block(kept.num_rows, dict(zip(kept.schema.names, kept.columns, strict=True)))
        self._refuse_open_quote(last)

    def _refuse_open_quote(self, last: pa.RecordBatch | None) -> None:
        """A quoted cell that is still open at the end of the file has swallowed what follows it."""
        quote = self._dialect.quote
        if quote is None:
            return
        opened = self._opened_in_rejected(quote)
        if opened is None and last is not None:
            opened = self._opened_in_stored(quote, last.column(last.num_columns - 1)[-1].as_py() or "")
        if opened is not None:
            where = f"a cell opens a quotation mark in the last record and never closes it: {opened[:60]!r}"
            raise errors.corrupt(self._filename, where)

    def _opened_in_stored(self, quote: str, cell: str) -> str | None:
        """The last cell of the last record, if the file ends with nothing but its opening mark and its text."""
        # The stream ends the file in one line end, which an open cell takes in as its last character.
        if not cell.endswith("\n") or cell[:-1].endswith(("\n", "\r")):
            return None
        candidate = quote + cell[:-1].replace(quote, quote * 2)
        tail = self._tail(len(candidate) * 4 + 64).rstrip("\r\n")
        if not tail.endswith(candidate):
            return None
        rest = tail[: -len(candidate)]
        if self._dialect.width > 1:
            return candidate if rest.endswith(self._dialect.delimiter) else None
        lines = rest.splitlines()
        closed = cell == "\n" and bool(lines) and lines[-1] == quote
        return None if closed or not (rest == "" or rest.endswith(("\n", "\r"))) else candidate

    def _opened_in_rejected(self, quote: str) -> str | None:
        """The last rejected record, if a quotation mark is still open at its end: it can only be the file's last."""
        text: str = self._last_rejected
        escape = self._dialect.escape
        try:
            for _ in csv.reader(
                io.StringIO(text, newline=""),
                delimiter=self._dialect.delimiter,
                quotechar=quote,
                doublequote=escape is None,
                escapechar=escape,
                strict=True,
            ):
                pass
        except csv.Error as error:
            return text if "end of data" in str(error) else None
        return None

    def _tail(self, size: int) -> str:
        width = 4 if self._encoding.name.startswith("utf-32") else 2
        with self._path.open("rb") as file:
            start = max(self._encoding.bom_bytes, self._size - size * width)
            file.seek(start - (start - self._encoding.bom_bytes) % width)
            return file.read().decode(self._encoding.name, "replace")

    def _explain(self, error: pa.ArrowInvalid) -> Exception:
        text = str(error)
        if "invalid UTF8" in text and not self._certain:
            self._certain = True
            self._look(encodings.detect(self._path))
            return PassAgain()
        straddles = "straddling" in text or "out of sync" in text
        if straddles and self._block_bytes < _LONGEST_RECORD:
            self._block_bytes = _LONGEST_RECORD
            return PassAgain()
        if straddles:
            return errors.corrupt(
                self._filename,
                f"a record is longer than {self._block_bytes // 1024**2} MiB, or a quotation mark is never closed",
            )
        if "Empty CSV" in text:
            return errors.empty(self._filename)
        return errors.corrupt(self._filename, "its records cannot be told apart")
