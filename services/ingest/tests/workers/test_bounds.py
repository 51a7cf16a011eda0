"""What grows with a file stays within bounds: the first look, the profile's time and the profile's size."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_ingest.workers import delimited, profile_size
from raia_ingest.workers.parts import PART_COLUMNS
from raia_ingest.workers.profile import profile_file
from raia_ingest.workers.read import inspect_file
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader, ignore


def inspect(folder: Path, content: bytes) -> str:
    path = folder / "raw"
    path.write_bytes(content)
    return str(inspect_file(str(path), "table.csv", asdict(Limits()))["file_type"])


def profile(folder: Path, table: pa.Table, kind: str) -> dict[str, Any]:
    path = folder / "canonical.parquet"
    pq.write_table(table, path)
    columns = [{"name": name, "type": kind} for name in table.schema.names]
    return profile_file(str(path), columns, 256 * 1024**2, str(folder / "spill"), ignore)


def test_the_first_look_reads_a_cell_longer_than_a_block(tmp_path: Path) -> None:
    assert inspect(tmp_path, b"a,b\n1," + b"y" * 9_000_000 + b"\n2,z\n") == "csv"


def test_the_first_look_refuses_a_line_longer_than_any_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_LONGEST_RECORD", 3 * 1024**2)
    with pytest.raises(RaiaError) as caught:
        inspect(tmp_path, b"a,b\n1," + b"y" * 9_000_000 + b"\n2,z\n")
    assert caught.value.reason == "FILE_CORRUPT"


def test_a_wide_table_is_profiled_in_parts_and_in_order(tmp_path: Path) -> None:
    width = PART_COLUMNS * 2 + 7
    names = [f"c{n}.x" if n % 2 else f"c{n - n % 4}" for n in range(width)]
    names = [name if names.index(name) == n else f"{name}_{n}" for n, name in enumerate(names)]
    found = profile(tmp_path, pa.table({name: [n, n, n + 3] for n, name in enumerate(names)}), "integer")
    assert [column["name"] for column in found["columns"]] == names
    assert [column["numeric"]["mean"] for column in found["columns"]] == [n + 1 for n in range(width)]
    assert (found["row_count"], found["duplicate_row_count"]) == (3, 1)
    assert not list((tmp_path / "spill").glob("**/*.parquet"))


def test_long_values_are_cut_in_the_profile(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({"a": ["é" * 2_000_000, "short"]}), "string")
    values = [entry["value"] for entry in found["columns"][0]["top_values"]]
    assert sorted(map(len, values)) == [5, profile_size.LONGEST_VALUE + 1]


def test_a_profile_fits_an_answer_and_says_what_is_left_out() -> None:
    values = [{"value": "é" * profile_size.LONGEST_VALUE, "count": 1}] * 20
    bins = [{"lower": 0.0, "upper": 1.0, "count": 1}] * 20
    columns = [{"name": f"c{n}", "top_values": list(values), "histogram": list(bins)} for n in range(5_000)]
    assert "0 top values" in profile_size.fit(columns)
    assert not any(column["top_values"] or column["histogram"] for column in columns)
    few = [{"name": "c", "top_values": list(values), "histogram": list(bins)}]
    assert profile_size.fit(few) == ""
    assert len(few[0]["top_values"]) == 20


def test_half_characters_in_json_are_rejected_records(read: Reader) -> None:
    found = read(b'{"a":"\\ud800x"}\n{"\\udc00":1}\n{"a":["\\ud800y"]}\n{"a":"\\ud83d\\ude00"}\n', "table.jsonl")
    assert found.column("a") == ["😀"]
    assert found.result["ledger"]["rejected"] == 3


def test_records_nested_too_deeply_are_rejected_and_deep_ones_kept(read: Reader) -> None:
    deep = [b'{"a":' * levels + b"1" + b"}" * levels for levels in (900, 203, 198)]
    found = read(b"\n".join([*deep, b'{"a":{"b":123456789012345678901234567890}}']) + b"\n", "table.jsonl")
    assert found.result["ledger"]["rejected"] == 2
    assert found.column("a") == [deep[2][5:-1].decode(), '{"b":123456789012345678901234567890}']


def test_digits_without_a_comma_are_no_ambiguous_number(read: Reader) -> None:
    found = read("a\n99999999999999999999\n9223372036854775808\n1\n")
    assert "integer_beyond_range" in found.note_kinds
    assert "ambiguous_number" not in found.note_kinds
    assert "ambiguous_number" in read('a\n"1,234"\n5\n').note_kinds
