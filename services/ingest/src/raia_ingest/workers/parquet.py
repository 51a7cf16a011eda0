"""Reads Parquet files, bringing their types to those of the canonical form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raia_ingest import errors
from raia_ingest.workers.columns import Note, as_text
from raia_ingest.workers.kinds import ARROW_TYPES, Kind
from raia_ingest.workers.ledger import Ledger
from raia_ingest.workers.source import Block, FileNote, Header, Headers, Limits

_BLOCK_ROWS = 32_768
_MOST_CELLS = 20_000_000_000


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


class ParquetSource:
    """A Parquet file."""

    file_type = "parquet"

    def __init__(self, path: Path, filename: str, limits: Limits) -> None:
        self._filename = filename
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self._schema = file.schema_arrow
                metadata = file.metadata
                unpacked = sum(metadata.row_group(each).total_byte_size for each in range(metadata.num_row_groups))
                self._rows = metadata.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            if _last_bytes(path) == b"PARE" or "encrypted" in str(error):
                raise errors.encrypted(filename) from error
            raise errors.corrupt(filename, "its footer is missing or broken, so it may end in the middle") from error
        width = len(self._schema)
        if width == 0:
            raise errors.empty(filename)
        if width > limits.max_columns:
            raise errors.too_many_columns(width, limits.max_columns)
        if unpacked > max(limits.max_unpacked_bytes, 16 * path.stat().st_size) or self._rows * width > _MOST_CELLS:
            raise errors.too_large(limits.max_unpacked_bytes, "the file unpacks to more bytes than allowed")
        naming = Headers()
        self._headers = [naming.name(name, position) for position, name in enumerate(self._schema.names)]
        self._columns = {
            header.name: _column(self._schema.field(position).type) for position, header in enumerate(self._headers)
        }
        self.notes: list[FileNote] = naming.notes
        self.ledger = Ledger()

    def headers(self) -> list[Header]:
        """The columns, in order."""
        return self._headers

    def new_column(self, name: str) -> ArrowColumn:
        """The converter of the column."""
        return self._columns[name]

    def progress(self) -> float:
        """Rows read over rows of the file."""
        return min(1.0, self.ledger.stored / max(1, int(self._rows)))

    def reading(self) -> dict[str, Any]:
        """The types that the file states."""
        return {"stated_types": [str(kind) for kind in self._schema.types]}

    def blocks(self) -> Iterator[Block]:
        """Another pass over the file; raises ``BadFile`` when a page is damaged."""
        self.ledger = Ledger()
        names = [header.name for header in self._headers]
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=_BLOCK_ROWS, use_threads=False):
                    self.ledger.stored += batch.num_rows
                    yield Block(batch.num_rows, dict(zip(names, batch.columns, strict=True)))
        except (pa.ArrowException, OSError) as error:
            raise errors.corrupt(self._filename, "one of its pages is broken") from error


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return file.read()


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


def _column(stated: pa.DataType) -> ArrowColumn:
    """How values of the stated type become canonical ones."""
    if pa.types.is_dictionary(stated):
        inner = _column(stated.value_type)
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
