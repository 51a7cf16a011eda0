# ruff: noqa: S608 - queries are made of constants and integers
"""The compute function that shows rows which break rules: their numbers from one file, their values from another."""

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from raia_ingest.workers.rows import json_values
from raia_ingest.workers.rules_tables import open_database

_MEMORY_BYTES = 256 * 1024**2
_MOST_GROUPS = 8
"""Row groups of the version that one page reads; rows further on wait for the next page."""
_BATCH_ROWS = 16_384


def failing_page(
    *, path: str, failing: str, rule: int, after: list[int], limit: int, columns: list[str], max_bytes: int, folder: str
) -> dict[str, Any]:
    """Up to ``limit`` rows that break rule ``rule`` (from 1; each rule in turn when 0), after ``after`` (rule, row).

    Returns rows (rule, row, values as ``page`` of raia_ingest.workers.rows writes them) and ``more``, whether others
    follow. Fewer rows come when they lie far apart, or would take more than ``max_bytes``.
    """
    places = _places(failing, rule, after, limit + 1, folder)
    more = len(places) > limit
    places = places[:limit]
    rows: list[dict[str, Any]] = []
    size = 0
    with pq.ParquetFile(path) as file:
        reader = _Reader(file, columns)
        for number, row in places:
            values = reader.values(row)
            if values is None:
                return {"rows": rows, "more": True}
            size += sum(len(value) * 2 if isinstance(value, str) else 10 for value in values)
            if rows and size > max_bytes:
                return {"rows": rows, "more": True}
            rows.append({"rule": number, "row": row, "values": values})
    return {"rows": rows, "more": more}


def _places(failing: str, rule: int, after: list[int], limit: int, folder: str) -> list[tuple[int, int]]:
    literal = failing.replace("'", "''")
    last_rule, last_row = (int(each) for each in after)
    wanted = f"rule = {int(rule)} and " if rule else ""
    query = (
        f"select rule, row from read_parquet('{literal}') where {wanted}"
        f"(rule > {last_rule} or (rule = {last_rule} and row > {last_row})) order by rule, row limit {int(limit)}"
    )
    with open_database(_MEMORY_BYTES, folder) as connection:
        return [(int(number), int(row)) for number, row in connection.execute(query).fetchall()]


class _Reader:
    """Rows of a Parquet file by number; a row group that was read is kept until another is."""

    def __init__(self, file: pq.ParquetFile, columns: list[str]) -> None:
        self._file, self._columns = file, columns
        self._starts: list[int] = []
        start = 0
        for group in range(file.metadata.num_row_groups):
            self._starts.append(start)
            start += file.metadata.row_group(group).num_rows
        self._group = -1
        self._groups_read = 0
        self._batches: list[tuple[int, Any]] = []

    def values(self, row: int) -> list[Any] | None:
        """The values of row ``row`` (from 1); None when one more row group would have to be read than may be."""
        place = row - 1
        group = max(number for number, start in enumerate(self._starts) if start <= place)
        if group != self._group:
            if self._groups_read >= _MOST_GROUPS:
                return None
            self._open(group)
        start, batch = next((start, batch) for start, batch in self._batches if start <= place < start + batch.num_rows)
        return json_values(batch.slice(place - start, 1))[0]

    def _open(self, group: int) -> None:
        self._group = group
        self._groups_read += 1
        self._batches = list(self._numbered(group))

    def _numbered(self, group: int) -> Iterator[tuple[int, Any]]:
        start = self._starts[group]
        for batch in self._file.iter_batches(
            batch_size=_BATCH_ROWS, row_groups=[group], columns=self._columns, use_threads=False
        ):
            yield start, batch.select(self._columns)
            start += batch.num_rows
