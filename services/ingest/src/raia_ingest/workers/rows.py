"""The compute functions that hand out rows of a canonical file: a page as JSON values, or all as an Arrow stream."""

import datetime as dt
import math
import socket
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MESSAGE_BYTES = 1024**2
_BATCH_ROWS = 16_384
_LONGEST_TEXT = 10_000


def page(path: str, offset: int, limit: int, max_bytes: int) -> dict[str, Any]:
    """Rows ``offset`` … ``offset + limit`` as lists of JSON values, fewer when they would take over ``max_bytes``.

    Dates and times are ISO 8601, integers beyond 2^53 and infinities text; texts end after 10,000 characters.
    """
    rows: list[list[Any]] = []
    size = 0
    with pq.ParquetFile(path) as file:
        for batch in _range(file, offset, limit):
            for row in json_values(batch):
                size += sum(len(value) * 2 if isinstance(value, str) else 10 for value in row)
                if rows and size > max_bytes:
                    return {"rows": rows}
                rows.append(row)
    return {"rows": rows}


def json_values(batch: pa.RecordBatch) -> list[list[Any]]:
    """The rows of a batch as lists of JSON values."""
    utc = [str(field.type).endswith("tz=UTC]") for field in batch.schema]
    return [
        [_plain(value, zone) for value, zone in zip(values, utc, strict=True)]
        for values in zip(*map(_values, batch.columns), strict=True)
    ]


def _values(column: pa.Array) -> list[Any]:
    """The column as Python values; times beyond the years that Python has as text."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        unit = "days" if pa.types.is_date32(scalar.type) else "µs"
        return f"{scalar.value} {unit} since 1970-01-01"


def _range(file: Any, offset: int, limit: int) -> Iterator[pa.RecordBatch]:
    """The batches that hold the rows wanted; row groups before and after them are not read."""
    start = 0
    left = limit
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if left > 0 and start + rows > offset:
            skip = max(0, offset - start)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], use_threads=False):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                part = batch.slice(skip, left)
                skip = 0
                left -= part.num_rows
                yield part
                if left <= 0:
                    return
        start += rows


def _plain(value: Any, utc: bool) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat() + ("Z" if utc else "")
    return value.isoformat()


def _number(value: float) -> float | str | None:
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def stream(path: str, columns: list[str], address: str) -> int:
    """Sends the file, or some of its columns, as Arrow IPC to the Unix socket at ``address``; returns the rows sent.

    Each message there is its length (4 bytes, big-endian) and at most 1 MiB; one of no length ends the stream. The
    schema comes first, then record batches that fit a message each unless a single row is larger.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address)
        with pq.ParquetFile(path) as file:
            sent = _send(file, columns, connection)
        connection.sendall((0).to_bytes(4, "big"))
    return sent


def _send(file: Any, columns: list[str], connection: socket.socket) -> int:
    names = columns or file.schema_arrow.names
    schema = pa.schema([file.schema_arrow.field(name) for name in names])
    sink = _Messages(connection)
    rows = 0
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema) as writer:
        sink.flush_message()
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False):
            ordered = batch.select(names)
            for part in _parts(ordered):
                writer.write_batch(part)
                sink.flush_message()
            rows += batch.num_rows
    sink.flush_message()
    return rows


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in pieces whose encoding fits a message, as far as whole rows allow."""
    if batch.num_rows <= 1 or pa.ipc.get_record_batch_size(batch) <= MESSAGE_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    for piece in (batch.slice(0, half), batch.slice(half)):
        yield from _parts(piece)


class _Messages:
    """A file that collects what is written and sends it as messages."""

    closed = False

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keeps a copy of the bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing: messages are sent whole."""

    def flush_message(self) -> None:
        """Sends what was written since the last time, in messages of at most 1 MiB."""
        data = b"".join(self._pieces)
        self._pieces = []
        for start in range(0, len(data), MESSAGE_BYTES):
            piece = data[start : start + MESSAGE_BYTES]
            self._connection.sendall(len(piece).to_bytes(4, "big") + piece)
