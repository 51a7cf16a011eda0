"""The compute function that shows differing rows: their numbers from one file, their values from the two versions."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raia_ingest.workers.diff import KINDS
from raia_ingest.workers.row_numbers import RowReader

_MOST_GROUPS = 8
"""Row groups of each version that one page reads; rows further on wait for the next page."""


def diff_page(
    *, differences: str, base_path: str, path: str, compared: list[str], offset: int, limit: int, max_bytes: int
) -> dict[str, Any]:
    """Up to ``limit`` differing rows from place ``offset`` (from 0) of the file that ``diff_files`` wrote.

    Returns rows (kind, base_row, row, base_values, values, changed_columns); what a side lacks is None. Fewer rows come
    when they lie far apart, or would take more than ``max_bytes``.
    """
    rows: list[dict[str, Any]] = []
    size = 0
    with pq.ParquetFile(differences) as found, pq.ParquetFile(base_path) as base, pq.ParquetFile(path) as new:
        base_rows, new_rows = RowReader(base, _MOST_GROUPS), RowReader(new, _MOST_GROUPS)
        for each in _slice(found, offset, limit):
            before = base_rows.values(each["base_row"]) if each["base_row"] is not None else []
            after = new_rows.values(each["row"]) if each["row"] is not None else []
            if before is None or after is None:
                break
            size += sum(len(value) * 2 if isinstance(value, str) else 10 for value in [*before, *after])
            if rows and size > max_bytes:
                break
            rows.append(
                {
                    "kind": KINDS[each["kind"]],
                    "base_row": each["base_row"],
                    "row": each["row"],
                    "base_values": before if each["base_row"] is not None else None,
                    "values": after if each["row"] is not None else None,
                    "changed_columns": [compared[place] for place in each["changed"]],
                }
            )
    return {"rows": rows}


def _slice(file: pq.ParquetFile, offset: int, limit: int) -> list[dict[str, Any]]:
    start, batches = 0, []
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if start + rows > offset and start < offset + limit:
            table = file.read_row_group(group)
            first = max(0, offset - start)
            batches.append(table.slice(first, offset + limit - start - first))
        start += rows
    found: list[dict[str, Any]] = pa.concat_tables(batches).to_pylist() if batches else []
    return found
