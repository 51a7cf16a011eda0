"""Rows of a canonical file by their number, read a row group at a time."""

from typing import Any

import pyarrow.parquet as pq

from raia_ingest.workers.rows import json_values

_BATCH_ROWS = 16_384


class RowReader:
    """Rows of a Parquet file by number; a row group that was read is kept until another is."""

    def __init__(self, file: pq.ParquetFile, most_groups: int) -> None:
        """``most_groups`` says how many row groups may be read in all."""
        self._file, self._left = file, most_groups
        self._starts: list[int] = []
        start = 0
        for group in range(file.metadata.num_row_groups):
            self._starts.append(start)
            start += file.metadata.row_group(group).num_rows
        self._group = -1
        self._batches: list[tuple[int, Any]] = []

    def values(self, row: int) -> list[Any] | None:
        """The JSON values of row ``row`` (from 1); None when one more row group would have to be read than may be."""
        place = row - 1
        group = max(number for number, start in enumerate(self._starts) if start <= place)
        if group != self._group:
            if self._left <= 0:
                return None
            self._open(group)
        start, batch = next((start, batch) for start, batch in self._batches if start <= place < start + batch.num_rows)
        return json_values(batch.slice(place - start, 1))[0]

    def _open(self, group: int) -> None:
        self._batches = []
        start = self._starts[group]
        for batch in self._file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], use_threads=False):
            self._batches.append((start, batch))
            start += batch.num_rows
        self._group = group
        self._left -= 1
