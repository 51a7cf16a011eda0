"""The compute functions that read what a run left: where rows come from, and which rows went."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raia_ingest.workers.rows import page


def rows_at(path: str, rows: list[int]) -> dict[str, Any]:
    """``rows``: of the Parquet file, the rows at these places (from 1), as lists of whole numbers and null."""
    with pq.ParquetFile(path) as file:
        found = {place: list(values.values()) for place, values in _at(file, rows)}
    return {"rows": [found[row] for row in rows]}


def records_of(path: str, rows: list[int]) -> dict[str, Any]:
    """``records``: for stored rows, numbered from 1, the records that they were, by the ledger's rejections."""
    rejected: list[int] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["record", "outcome"], use_threads=False):
            rejected += batch.filter(pc.equal(batch.column("outcome"), "rejected")).column("record").to_pylist()
    rejected = sorted(set(rejected))
    # A row stands behind as many rejections as there are among the records up to its own.
    found, passed = {}, 0
    for row in sorted(set(rows)):
        while passed < len(rejected) and rejected[passed] <= row + passed:
            passed += 1
        found[row] = row + passed
    return {"records": [found[row] for row in rows]}


def removed_page(path: str, source: str, offset: int, limit: int, max_bytes: int) -> dict[str, Any]:
    """``rows``: removed rows ``offset`` … ``offset + limit`` (row, code, values as JSON), fewer when they would take
    over ``max_bytes``; ``count``: removed rows in all."""
    with pq.ParquetFile(path) as file:
        count = file.metadata.num_rows
        wanted = [values for _, values in _at(file, list(range(offset + 1, min(offset + limit, count) + 1)))]
    if not wanted:
        return {"rows": [], "count": count}
    with pq.ParquetFile(source) as file, TemporaryDirectory() as folder:
        taken = pa.Table.from_batches(_slices(file, [each["row"] for each in wanted]), schema=file.schema_arrow)
        part = Path(folder) / "part.parquet"
        pq.write_table(taken, part)
        values = page(str(part), 0, len(wanted), max_bytes)["rows"]
    rows = [{**each, "values": cells} for each, cells in zip(wanted, values, strict=False)]
    return {"rows": rows, "count": count}


def _at(file: Any, rows: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Place and values of the rows at these places, from 1, in the file's order."""
    places = sorted(set(rows))
    for place, batch in zip(places, _slices(file, places), strict=True):
        yield place, batch.to_pylist()[0]


def _slices(file: Any, rows: list[int]) -> Iterator[pa.RecordBatch]:
    """The rows at these places, from 1 and growing, each as a batch; row groups without any are not read."""
    waiting = iter(rows)
    row = next(waiting, None)
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if row is None:
            return
        if row > end:
            start = end
            continue
        for batch in file.iter_batches(row_groups=[group], use_threads=False):
            while row is not None and row <= start + batch.num_rows:
                yield batch.slice(row - start - 1, 1)
                row = next(waiting, None)
            start += batch.num_rows
        start = end
