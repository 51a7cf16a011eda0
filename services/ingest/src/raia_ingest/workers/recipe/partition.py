"""What Spark's workers do with their part of a table: the very queries that DuckDB runs over the whole."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import duckdb
import pyarrow as pa

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": 1,
}
_BATCH_ROWS = 65_536

Transform = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def transform(queries: Sequence[str], schema: pa.Schema) -> Transform:
    """A function of a partition's batches: query n reads ``s<n>``; the result has the types of ``schema``."""
    wanted = list(queries)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in transformed(wanted, batches):
            yield pa.RecordBatch.from_arrays(
                [batch.column(name).cast(schema.field(name).type) for name in schema.names], schema=schema
            )

    return run


def transformed(queries: Sequence[str], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches after all queries; nothing when there are none."""
    first = next(batches, None)
    if first is None:
        return
    reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
    yield from _opened(queries, reader)


def schema_after(queries: Sequence[str], schema: pa.Schema) -> pa.Schema:
    """The columns that the queries make of a table of these columns."""
    with duckdb.connect(config=_CONFIG) as connection:
        connection.register("s0", schema.empty_table())
        _create(connection, queries)
        found: pa.Schema = connection.sql(f"select * from s{len(queries)}").to_arrow_table().schema  # noqa: S608
    return found


def _opened(queries: Sequence[str], reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.register("s0", reader)
        _create(connection, queries)
        yield from connection.sql(f"select * from s{len(queries)}").to_arrow_reader(_BATCH_ROWS)  # noqa: S608


def _create(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> None:
    for place, query in enumerate(queries):
        connection.execute(f"create temp view s{place + 1} as {query}")
