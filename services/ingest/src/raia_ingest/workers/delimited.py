"""Reads CSV, TSV and their kin: any delimiter, quoting and encoding, streaming."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from raia_ingest import errors
from raia_ingest.workers import dialect as dialects
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers import formats
from raia_ingest.workers.columns import TextColumn
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.ledger import Entry, Ledger
from raia_ingest.workers.ragged import Mended, Mender
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, PassAgain, Wanted
from raia_ingest.workers.weaving import Ragged, Woven, weave

_BLOCK_BYTES = 1024**2
"""Blocks that fit the processor's cache are converted twice as fast as larger ones."""
_LONGEST_RECORD = 64 * 1024**2
_NUL_SHARE = 0.001
_STRAY = (
    ("\0", "stray_nul", "held NUL characters, which were left out"),
    ("\ufffd", "invalid_characters", "held bytes that are not of the file's encoding and became U+FFFD"),
)


class DelimitedSource:
    """A delimited text file."""

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:  # noqa: ARG002
        self._path = path
        self._filename = filename
        self._limits = limits
        self._size = max(1, path.stat().st_size)
        self.ledger = Ledger()
        self.parts: list[Part] = []
        self._columns: dict[str, TextColumn] = {}
        self._ragged: Ragged = deque()
        self._met_ragged = False
        self._mender: Mender | None = None
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
        if not names:  # nothing but what is no text, such as NUL
            raise errors.empty(self._filename)
        self._headers = [naming.name(name, position) for position, name in enumerate(names)]
        self.notes = self._file_notes() + (naming.notes if self._dialect.header else [])

    def _refuse_binary(self) -> None:
        if self._encoding.nulls > max(8, self._size * _NUL_SHARE):
            raise errors.unreadable(self._filename, "binary data", formats.TABLES)

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
            raise errors.unreadable(self._filename, "binary data", formats.TABLES)

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
            kind = "mixed_encodings" if encoding.mixed else "invalid_characters"
            how = "; they would be letters in another encoding, so the file mixes two" if encoding.mixed else ""
            text = f"{encoding.invalid:,} byte sequences are not valid {encoding.name} and became U+FFFD"
            notes.append(FileNote(kind, text + how))
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

    def new_column(self, name: str) -> TextColumn:
        """A column of text cells."""
        self._columns[name] = TextColumn()
        return self._columns[name]

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
        """Another pass over the file; raises ``BadFile`` when a quoted cell never ends.

        Records of another width are mended by what the columns' other cells look like, which a first pass must find.
        """
        self.ledger.restart()
        if self._met_ragged and self._mender is None:
            columns = [self._columns.get(header.name) or TextColumn() for header in self._headers]
            self._mender = Mender(columns, self._dialect.delimiter)
        self._stream = Utf8Stream(self._path, self._encoding)
        names = [header.name for header in self._headers]
        leading = self._dialect.skipped + (1 if self._dialect.header else 0)
        try:
            with self._stream:
                reader = self._open(self._stream, names, leading)
                yield from self._read(reader, leading)
        except pa.ArrowInvalid as error:
            raise self._explain(error) from error
        if self._met_ragged and self._mender is None:
            raise PassAgain

    def _open(self, stream: Utf8Stream, names: list[str], leading: int) -> Any:
        def reject(row: Any) -> str:
            if row.number > leading:
                self._ragged.append((row.number - leading, row.text))
                self._last_rejected = row.text
            else:
                self._leading_rejected += 1
            return "skip"

        self._ragged.clear()
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
        following = 1
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
                block, following = self._block(kept, following)
                yield block
        self._refuse_open_quote(last)
        if self._ragged:
            empty = pa.RecordBatch.from_arrays(
                [pa.array([], pa.string()) for _ in self._headers], [header.name for header in self._headers]
            )
            block, _ = self._block(empty, following)
            if block.rows:
                yield block

    def _block(self, kept: pa.RecordBatch, first: int) -> tuple[Block, int]:
        """The rows with the mended ones among them in their place, and the number of the record that follows."""
        woven = Woven(kept.columns, [], {}, first + kept.num_rows)
        if self._ragged and self._ragged[0][0] <= woven.end:
            woven = weave(kept.columns, kept.num_rows, first, self._ragged, self._mend)
        rows = len(woven.columns[0])
        if self._encoding.invalid or (self._stream is not None and self._stream.nulls):
            self._clean(woven, first)
        self.ledger.take(rows, woven.repairs)
        names = [header.name for header in self._headers]
        return Block(rows, dict(zip(names, woven.columns, strict=True))), woven.end

    def _clean(self, woven: Woven, first: int) -> None:
        """Takes NUL out of cells, and tells which records hold bytes that are no text."""
        numbers = woven.numbers or list(range(first, woven.end))
        columns = list(woven.columns)
        for position, header in enumerate(self._headers):
            for character, reason, message in _STRAY:
                column = columns[position]
                hit = pc.match_substring(column, character)
                if not pc.any(hit).as_py():
                    continue
                for row in pc.indices_nonzero(hit.fill_null(False)).to_pylist():
                    entry = Entry(reason, message, header.name, column[row].as_py())
                    woven.repairs.setdefault(numbers[row], []).append(entry)
                if character == "\0":
                    without = pc.replace_substring(column, "\0", "")
                    columns[position] = pc.if_else(pc.equal(without, ""), pa.scalar(None, pa.string()), without)
        woven.columns = columns

    def _mend(self, record: int, text: str) -> Mended | None:
        self._met_ragged = True
        cells = self._cells(text)
        found = self._mender.mend(cells) if self._mender is not None else f"has {len(cells):,} cells"
        if isinstance(found, Mended):
            return found
        self.ledger.reject(record, "ragged", found, text)
        return None

    def _cells(self, text: str) -> list[str]:
        found = self._dialect
        records = dialects.parse(text, found.delimiter, found.quote, found.escape, whole=True)
        return [cell for record in records for cell in record]

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
            self._ragged.clear()
            return errors.corrupt(
                self._filename,
                f"a record is longer than {self._block_bytes // 1024**2} MiB, or a quotation mark is never closed",
            )
        if "Empty CSV" in text:
            return errors.empty(self._filename)
        return errors.corrupt(self._filename, "its records cannot be told apart")
