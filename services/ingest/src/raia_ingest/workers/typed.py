"""Reads files that state their types, bringing these to the types of the canonical form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from raia_ingest import errors
from raia_ingest.workers.columns import Note, as_text
from raia_ingest.workers.kinds import ARROW_TYPES, Kind
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits, Part, Wanted

MOST_CELLS = 20_000_000_000
"""Cells that a file of a few bytes may claim to hold."""


@dataclass
class ArrowColumn:
    """A column whose type the file states; values are converted, never guessed at."""

    kind: Kind
    convert: Callable[[pa.Array], pa.Array]
    conversion: list[Note] = field(default_factory=list)

    def take(self, raw: pa.Array) -> pa.Array:
        """The block in the canonical type."""
        return self.convert(raw)

    def restart(self) -> None:
        """Nothing is learnt, so nothing is forgotten."""

    def notes(self) -> list[Note]:
        """How the type was changed, if it was."""
        return self.conversion


class _FloatColumn(ArrowColumn):
    """Floats whose NaN become missing: readers of statistics in Parquet do not expect them, and they are no number."""

    _nan = 0

    def take(self, raw: pa.Array) -> pa.Array:
        """The block as 64-bit floats without NaN."""
        values = self.convert(raw)
        nan = pc.is_nan(values)
        count = pc.sum(nan).as_py() or 0
        self._nan += count
        return pc.if_else(nan, pa.scalar(None, pa.float64()), values) if count else values

    def restart(self) -> None:
        """Counts anew."""
        self._nan = 0

    def notes(self) -> list[Note]:
        """How many NaN there were."""
        return [("nan_values", f"read as missing: {self._nan:,} × NaN")] if self._nan else []


class TypedSource:
    """A file whose columns have types; each format says how it opens and how its batches come."""

    file_type = ""

    def __init__(self, path: Path, filename: str, limits: Limits, wanted: Wanted) -> None:  # noqa: ARG002
        self._path = path
        self._filename = filename
        self._rows = 0
        self._schema = self._open(limits)
        width = len(self._schema)
        if width == 0:
            raise errors.empty(filename)
        if width > limits.max_columns:
            raise errors.too_many_columns(width, limits.max_columns)
        if self._rows * width > MOST_CELLS:
            raise errors.too_large(MOST_CELLS, "the file claims to hold more cells than can be read", "cells")
        naming = Headers()
        try:
            self._headers = [naming.name(name, position) for position, name in enumerate(self._schema.names)]
        except UnicodeDecodeError as error:
            raise errors.corrupt(filename, "the names of its columns are no text") from error
        self._columns = {
            header.name: column_of(self._schema.field(position).type) for position, header in enumerate(self._headers)
        }
        self.notes: list[FileNote] = naming.notes
        self.parts: list[Part] = []
        self.ledger = Ledger()

    def _open(self, limits: Limits) -> pa.Schema:
        """The file's columns; sets ``_rows`` where the file tells. Raises ``BadFile``."""
        raise NotImplementedError

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """The file's rows from its start."""
        raise NotImplementedError

    def headers(self) -> list[Header]:
        """The columns, in order."""
        return self._headers

    def new_column(self, name: str) -> ArrowColumn:
        """The converter of the column."""
        return self._columns[name]

    def progress(self) -> float:
        """Rows read over rows of the file; 0 where the file does not tell."""
        return min(1.0, self.ledger.kept / self._rows) if self._rows else 0.0

    def reading(self) -> dict[str, Any]:
        """The types that the file states."""
        return {"stated_types": [str(kind) for kind in self._schema.types]}

    def blocks(self) -> Iterator[Block]:
        """Another pass over the file; raises ``BadFile`` when a part of it is damaged."""
        self.ledger.restart()
        names = [header.name for header in self._headers]
        try:
            for batch in self._batches():
                batch.validate(full=True)  # what a file says of its own buffers may be wrong, and its texts no text
                if batch.num_rows:
                    self.ledger.take(batch.num_rows)
                    yield Block(batch.num_rows, dict(zip(names, batch.columns, strict=True)))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise errors.corrupt(self._filename, "one of its pages is broken") from error


_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], Kind], ...] = (
    (pa.types.is_boolean, Kind.BOOLEAN),
    (pa.types.is_integer, Kind.INTEGER),
    (pa.types.is_floating, Kind.FLOAT),
    (pa.types.is_date, Kind.DATE),
    (pa.types.is_time, Kind.TIME),
    (pa.types.is_string, Kind.STRING),
    (pa.types.is_large_string, Kind.STRING),
    (pa.types.is_string_view, Kind.STRING),
    (pa.types.is_null, Kind.NULL),
)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)


def column_of(stated: pa.DataType) -> ArrowColumn:
    """How values of the stated type become canonical ones."""
    if pa.types.is_dictionary(stated):
        inner = column_of(stated.value_type)
        return ArrowColumn(inner.kind, lambda raw: inner.convert(raw.dictionary_decode()), inner.conversion)
    for matches, kind in _SIMPLE:
        if matches(stated):
            return _caster(stated, kind)
    if pa.types.is_timestamp(stated):
        return _caster(stated, Kind.DATETIME_UTC if stated.tz else Kind.DATETIME)
    if pa.types.is_decimal(stated):
        return _decimal(stated)
    if any(matches(stated) for matches in _BYTES):
        return ArrowColumn(Kind.STRING, _hexadecimal, [("binary_as_text", "bytes are kept as hexadecimal text")])
    return ArrowColumn(Kind.STRING, _json, [("nested_as_text", f"{stated} values are kept as JSON text")])


def _caster(stated: pa.DataType, kind: Kind) -> ArrowColumn:
    target = ARROW_TYPES[kind]
    if pa.types.is_uint64(stated):
        return ArrowColumn(kind, _unsigned)
    if kind is Kind.FLOAT:
        return _FloatColumn(kind, lambda raw: pc.cast(raw, target))
    if stated == target:
        return ArrowColumn(kind, lambda raw: raw)
    lossy = getattr(stated, "unit", "") == "ns"
    notes: list[Note] = [("nanoseconds_cut", "times are kept to the microsecond")] if lossy else []
    return ArrowColumn(kind, lambda raw: pc.cast(raw, target, safe=not lossy), notes)


def _unsigned(raw: pa.Array) -> pa.Array:
    try:
        return pc.cast(raw, pa.int64())
    except pa.ArrowInvalid as error:
        raise errors.corrupt("", "it holds unsigned integers beyond 2^63; store them as text") from error


def _decimal(stated: pa.DataType) -> ArrowColumn:
    if stated.scale <= 0 and stated.precision <= 18:
        return ArrowColumn(Kind.INTEGER, lambda raw: pc.cast(raw, pa.int64()))
    if stated.precision <= 15:
        note = ("decimal_as_float", f"{stated} numbers are kept as floats, which hold their 15 digits")
        return ArrowColumn(Kind.FLOAT, lambda raw: pc.cast(raw, pa.float64()), [note])
    note = ("decimal_as_text", f"{stated} numbers have more digits than a float holds and are kept as text")
    return ArrowColumn(Kind.STRING, lambda raw: pc.cast(raw, pa.string()), [note])


def _hexadecimal(raw: pa.Array) -> pa.Array:
    return pa.array([None if value is None else value.hex() for value in raw.to_pylist()], pa.string())


def _json(raw: pa.Array) -> pa.Array:
    return pa.array([None if value is None else as_text(value) for value in raw.to_pylist()], pa.string())
