"""Pages of rows as JSON values."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from raia_ingest.workers.rows import page


def test_times_beyond_the_years_of_python_are_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    far = pa.array([2**50, -(2**50), None], pa.timestamp("ms")).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"far": far, "near": pa.array([0, 1, 2], pa.timestamp("us"))}), path)
    rows = page(str(path), 0, 3, 10_000)["rows"]
    assert rows == [
        ["1125899906842624000 µs since 1970-01-01", "1970-01-01T00:00:00"],
        ["-1125899906842624000 µs since 1970-01-01", "1970-01-01T00:00:00.000001"],
        [None, "1970-01-01T00:00:00.000002"],
    ]
