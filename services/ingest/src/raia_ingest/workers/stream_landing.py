"""Writes batches of a stream as the canonical file of a dataset version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raia_ingest.workers.kinds import ARROW_TYPES, Kind

GROUP_ROWS = 131_072
_DELTA = "DELTA_BINARY_PACKED"
_KINDS = {ARROW_TYPES[kind]: kind for kind in Kind if kind is not Kind.NULL}


def land(batches: list[str], target: str) -> dict[str, Any]:
    """Writes the Arrow files ``batches``, of one schema and in order, to ``target`` as Parquet.

    Returns ``row_count`` and ``columns``, as ``schema_info`` has them.
    """
    with pa.ipc.open_stream(Path(batches[0]).read_bytes()) as reader:
        wanted = reader.schema
    texts = [each.name for each in wanted if pa.types.is_string(each.type)]
    encodings = {each.name: coding for each in wanted if (coding := _encoding(each.type))}
    rows = 0
    with pq.ParquetWriter(
        target, wanted, compression="zstd", use_dictionary=texts, column_encoding=encodings, write_page_index=True
    ) as writer:
        for table in _groups(batches, wanted):
            writer.write_table(table, row_group_size=GROUP_ROWS)
            rows += table.num_rows
    return {"row_count": rows, "columns": [_column(each) for each in wanted]}


def _groups(batches: list[str], wanted: pa.Schema) -> Iterator[pa.Table]:
    """The records in tables of about one row group, so that a landing of millions stays small in memory."""
    held: list[pa.RecordBatch] = []
    waiting = 0
    for path in batches:
        with pa.ipc.open_stream(Path(path).read_bytes()) as reader:
            for batch in reader:
                held.append(batch)
                waiting += batch.num_rows
        if waiting >= GROUP_ROWS:
            yield pa.Table.from_batches(held, schema=wanted)
            held, waiting = [], 0
    if held:
        yield pa.Table.from_batches(held, schema=wanted)


def _column(field: pa.Field) -> dict[str, str]:
    kind = _KINDS[field.type]
    shown = {"name": field.name, "type": kind.public, "original_name": field.name}
    return {**shown, "timezone": "UTC"} if kind is Kind.DATETIME_UTC else shown


def _encoding(kind: pa.DataType) -> str | None:
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return _DELTA
    return "BYTE_STREAM_SPLIT" if pa.types.is_floating(kind) else None
