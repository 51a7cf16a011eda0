import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_kit.errors import RaiaError

from .conftest import Reader


def _write(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def test_types_are_those_that_the_file_states(read: Reader, tmp_path: Path) -> None:
    moment = dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC)
    columns = {
        "i8": pa.array([1, None], pa.int8()),
        "f32": pa.array([0.5, None], pa.float32()),
        "flag": pa.array([True, None]),
        "words": pa.array(["a", "a"]).dictionary_encode(),
        "large": pa.array(["00123", None], pa.large_string()),
        "day": pa.array([dt.date(2024, 1, 1), None]),
        "utc": pa.array([moment, None], pa.timestamp("ms", "UTC")),
        "naive": pa.array([dt.datetime(2024, 1, 1), None], pa.timestamp("ns")),
        "clock": pa.array([dt.time(10), None], pa.time32("s")),
        "price": pa.array([Decimal("1.25"), None], pa.decimal128(10, 2)),
        "exact": pa.array([Decimal("1.25"), None], pa.decimal128(30, 2)),
        "nothing": pa.nulls(2),
        "bytes": pa.array([b"\x00\xff", None]),
        "list": pa.array([[1, 2], None]),
    }
    found = read(_write(tmp_path / "in.parquet", pa.table(columns)), "in.parquet")
    assert found.types == {
        "i8": "integer", "f32": "float", "flag": "boolean", "words": "string", "large": "string", "day": "date",
        "utc": "datetime", "naive": "datetime", "clock": "time", "price": "float", "exact": "string",
        "nothing": "null", "bytes": "string", "list": "string",
    }  # fmt: skip
    assert found.rows[0] == {
        "i8": 1, "f32": 0.5, "flag": True, "words": "a", "large": "00123", "day": dt.date(2024, 1, 1), "utc": moment,
        "naive": dt.datetime(2024, 1, 1), "clock": dt.time(10), "price": 1.25, "exact": "1.25", "nothing": None,
        "bytes": "00ff", "list": "[1,2]",
    }  # fmt: skip


def test_not_a_number_is_missing_and_noted(read: Reader, tmp_path: Path) -> None:
    table = pa.table({"x": pa.array([1.0, float("nan"), None, float("inf")])})
    found = read(_write(tmp_path / "in.parquet", table), "in.parquet")
    assert found.column("x") == [1.0, None, None, float("inf")]
    assert "nan_values" in found.note_kinds


def test_repeated_names_are_told_apart(read: Reader, tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert read(_write(tmp_path / "in.parquet", table), "in.parquet").rows == [{"a": 1, "a_2": 2}]


def test_a_table_without_rows_is_read(read: Reader, tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    assert read(_write(tmp_path / "in.parquet", table), "in.parquet").types == {"a": "integer"}


@pytest.mark.parametrize("keep", [0.5, 0.99, 8])
def test_a_file_cut_short_is_damaged(read: Reader, tmp_path: Path, keep: float) -> None:
    path = _write(tmp_path / "in.parquet", pa.table({"a": list(range(10_000))}))
    whole = path.read_bytes()
    with pytest.raises(RaiaError) as caught:
        read(whole[: int(len(whole) * keep) if keep < 1 else int(keep)], "in.parquet")
    assert caught.value.reason == "FILE_CORRUPT"


def test_damage_inside_is_found(read: Reader, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(
        pa.table({"a": [f"text {n}" for n in range(50_000)]}), path, compression="zstd", use_dictionary=False
    )
    broken = bytearray(path.read_bytes())
    broken[1000:3000] = bytes(2000)
    with pytest.raises(RaiaError) as caught:
        read(bytes(broken), "in.parquet")
    assert caught.value.reason == "FILE_CORRUPT"
