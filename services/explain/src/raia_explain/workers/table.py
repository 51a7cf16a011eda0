"""Rows that the serving process has fetched: Arrow IPC files as frames."""

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from raia_explain.errors import columns_missing, row_out_of_range

_LONGEST_TEXT = 200
_NO_NUMBERS = {"inf": "Infinity", "-inf": "-Infinity"}


def read(path: str, columns: Sequence[str] = ()) -> pa.Table:
    """The table of an Arrow IPC stream in a file, with these columns alone unless none are named.

    Raises ``ColumnsMissing``.
    """
    with pa.memory_map(path) as source, pa.ipc.open_stream(source) as stream:
        table = stream.read_all()
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise columns_missing(missing)
    return table.select(list(columns)) if columns else table


def chosen(table: pa.Table, rows: Sequence[int] | np.ndarray) -> pa.Table:
    """The rows of these numbers, in this order; raises ``RowOutOfRange``."""
    numbers = np.asarray(rows, dtype=np.int64)
    outside = numbers[(numbers < 0) | (numbers >= table.num_rows)]
    if len(outside):
        raise row_out_of_range(int(outside[0]), table.num_rows)
    return table.take(pa.array(numbers))


def frame(table: pa.Table) -> pd.DataFrame:
    """The table as a frame in which whole numbers stay what they are."""
    return table.to_pandas()


def row_numbers(data: bytes) -> np.ndarray:
    """Row numbers from little-endian int64."""
    return np.frombuffer(data, dtype="<i8").astype(np.int64)


def json_value(value: Any) -> Any:
    """A cell as a JSON value: null for missing, text for what JSON lacks; texts end after 200 characters."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _NO_NUMBERS.get(str(value))
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, dt.datetime | dt.date | dt.time) else str(value)
