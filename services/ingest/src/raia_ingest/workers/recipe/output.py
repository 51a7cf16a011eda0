"""Writes what a recipe leaves: rows, the number that each had in the input, and the rows that went."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raia_ingest.recipes.schema import Col, Schema
from raia_ingest.workers.kinds import ARROW_TYPES, Kind
from raia_ingest.workers.ledger import REJECTED
from raia_ingest.workers.ledger import SCHEMA as LEDGER
from raia_ingest.workers.recipe.engine import REMOVED, ROW

GROUP_ROWS = 131_072
_DELTA = "DELTA_BINARY_PACKED"
_ENCODINGS = {"integer": _DELTA, "date": _DELTA, "datetime": _DELTA, "time": _DELTA, "float": "BYTE_STREAM_SPLIT"}


class OutOfOrder(Exception):
    """Rows came in another order than they stand in the input."""


def arrow_type(column: Col) -> pa.DataType:
    """The type that the canonical form has for a column."""
    return ARROW_TYPES[Kind.DATETIME_UTC] if column.timezone else ARROW_TYPES[Kind(column.type)]


def write_rows(
    batches: Iterator[pa.RecordBatch], schema: Schema, joined: Sequence[str], target: Path, lineage: Path
) -> int:
    """Writes rows and lineage, in groups of one size, so that equal rows are equal bytes; returns how many rows.

    Raises ``OutOfOrder`` unless row numbers grow.
    """
    fields = [pa.field(column.name, arrow_type(column)) for column in schema.columns]
    texts = [column.name for column in schema.columns if column.type in ("string", "null")]
    encodings = {c.name: _ENCODINGS[c.type] for c in schema.columns if c.type in _ENCODINGS}
    shown = pa.schema(fields)
    names = ["row", *(f"joined_{place}" for place in range(len(joined)))]
    numbers = pa.schema([pa.field(name, pa.int64()) for name in names])
    rows, last = 0, 0
    with (
        pq.ParquetWriter(
            target, shown, compression="zstd", use_dictionary=texts, column_encoding=encodings, write_page_index=True
        ) as writer,
        pq.ParquetWriter(
            lineage, numbers, compression="zstd", use_dictionary=False, column_encoding=dict.fromkeys(names, _DELTA)
        ) as tracer,
    ):
        for table in ahead(_groups(batches)):
            order = table.column(ROW)
            last = _checked_order(order, last)
            arrays = [
                canonical(table.column(column.alias), field.type)
                for column, field in zip(schema.columns, fields, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=shown), row_group_size=GROUP_ROWS)
            traced = [order, *(table.column(name) for name in joined)]
            tracer.write_table(pa.Table.from_arrays(traced, schema=numbers), row_group_size=GROUP_ROWS)
            rows += table.num_rows
    return rows


def canonical(values: Any, wanted: pa.DataType) -> Any:
    """Values in the canonical type; NaN is missing and there is one zero."""
    values = pc.cast(values, wanted) if values.type != wanted else values
    if pa.types.is_floating(wanted):
        values = pc.add(pc.if_else(pc.is_nan(values), pa.scalar(None, wanted), values), 0.0)
    return values


def _checked_order(order: Any, last: int) -> int:
    """The last row number, when numbers grow; raises ``OutOfOrder``."""
    values = order.combine_chunks() if isinstance(order, pa.ChunkedArray) else order
    if len(values) == 0:
        return last
    steps = pc.min(pc.subtract(values.slice(1), values.slice(0, len(values) - 1))).as_py()
    if values[0].as_py() <= last or (steps is not None and steps <= 0):
        raise OutOfOrder
    return int(values[-1].as_py())


def ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables, each fetched on a thread of its own while the one before it is used."""
    with ThreadPoolExecutor(1) as fetching:
        following = fetching.submit(next, tables, None)
        while (table := following.result()) is not None:
            following = fetching.submit(next, tables, None)
            yield table


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches, cut and put together to groups of one size."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, GROUP_ROWS - rows)
            held.append(piece)
            rows += piece.num_rows
            start += piece.num_rows
            if rows == GROUP_ROWS:
                yield pa.Table.from_batches(held)
                held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


def write_removed(
    batches: Iterator[pa.RecordBatch], reasons: Sequence[Mapping[str, Any]], target: Path, ledger: Path
) -> dict[int, int]:
    """Writes number and code of the rows that went, and the same as entries of a ledger.

    Returns how many went for each code. ``reasons`` say by code, from 1, ``kind`` and ``reason``.
    """
    schema = pa.schema([pa.field("row", pa.int64()), pa.field("code", pa.int32())])
    counts: dict[int, int] = {}
    with (
        pq.ParquetWriter(target, schema, compression="zstd") as writer,
        pq.ParquetWriter(ledger, LEDGER, compression="zstd") as entries,
    ):
        for table in _groups(batches):
            rows = table.column(ROW).cast(pa.int64())
            codes = table.column(REMOVED).cast(pa.int32())
            writer.write_table(pa.Table.from_arrays([rows, codes], schema=schema))
            entries.write_table(_entries(rows, codes, reasons))
            for each in pc.value_counts(codes).to_pylist():
                counts[each["values"]] = counts.get(each["values"], 0) + each["counts"]
    return counts


def _entries(rows: Any, codes: Any, reasons: Sequence[Mapping[str, Any]]) -> pa.Table:
    places = pc.subtract(codes, 1)
    same = {"outcome": REJECTED, "column": "", "content": ""}
    told = {"reason": [each["kind"] for each in reasons], "message": [each["reason"] for each in reasons]}
    arrays = []
    for name in LEDGER.names:
        if name == "record":
            arrays.append(rows)
        elif name in told:
            arrays.append(pc.take(pa.array(told[name], pa.string()), places))
        else:
            arrays.append(pa.repeat(pa.scalar(same[name], pa.string()), len(rows)))
    return pa.Table.from_arrays(arrays, schema=LEDGER)
