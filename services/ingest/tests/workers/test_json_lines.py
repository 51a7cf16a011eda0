import datetime as dt

import pytest
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader


def test_objects_become_rows_and_keys_columns(read: Reader) -> None:
    found = read('{"a":1,"b":"x"}\n{"a":2,"c":true}\n\n{"b":"2024-01-01"}\n', "t.jsonl")
    assert found.result["file_type"] == "jsonl"
    assert found.types == {"a": "integer", "b": "string", "c": "boolean"}
    assert found.rows[1] == {"a": 2, "b": None, "c": True}


def test_a_key_that_appears_late_is_a_column(read: Reader) -> None:
    found = read('{"a":1}\n' * 50_000 + '{"a":1.5,"late":"2024-01-01"}\n', "t.jsonl")
    assert found.types == {"a": "float", "late": "date"}
    assert found.rows[-1] == {"a": 1.5, "late": dt.date(2024, 1, 1)}


def test_nested_values_are_kept_as_json_text(read: Reader) -> None:
    found = read('{"a":{"b":[1,2]}}\n{"a":null}\n', "t.jsonl")
    assert found.column("a") == ['{"b":[1,2]}', None]


def test_lines_that_are_no_object_are_rejected_with_their_place(read: Reader) -> None:
    found = read('{"a":1}\n{"a":\n[1]\n{"a":2}\n', "t.jsonl")
    assert found.column("a") == [1, 2]
    assert found.result["ledger"]["rejections"] == [
        {"record": 2, "reason": "is not valid JSON"},
        {"record": 3, "reason": "is not a JSON object"},
    ]


def test_mixed_types_are_kept_as_text_and_noted(read: Reader) -> None:
    found = read('{"a":1}\n{"a":"x"}\n{"a":true}\n', "t.jsonl")
    assert found.column("a") == ["1", "x", "true"]
    assert "mixed_types" in found.note_kinds


def test_nul_and_commas_behind_objects_are_left_out_and_told(read: Reader) -> None:
    found = read(b'{"a":1},\n{"a":2\0}\n{"a":3}\n', "t.jsonl")
    assert found.column("a") == [1, 2, 3]
    assert [(entry["record"], entry["reason"]) for entry in found.entries] == [(1, "trailing_comma"), (2, "stray_nul")]


def test_too_many_keys_are_refused(read: Reader) -> None:
    lines = "".join(f'{{"key{n}":1}}\n' for n in range(20))
    with pytest.raises(RaiaError) as caught:
        read(lines, "t.jsonl", Limits(max_columns=10))
    assert caught.value.reason == "TOO_MANY_COLUMNS"


def test_utf_16_is_read(read: Reader) -> None:
    assert read('{"a":"é"}\n'.encode("utf-16"), "t.jsonl").column("a") == ["é"]


def test_numbers_beyond_the_standard_lose_nothing(read: Reader) -> None:
    found = read('{"a":1.5,"b":18446744073709551616}\n{"a":NaN,"b":1}\n{"a":-Infinity,"b":2}\n', "t.jsonl")
    assert found.column("a") == [1.5, None, float("-inf")]
    assert found.column("b") == ["18446744073709551616", "1", "2"]
    assert {"null_tokens", "integer_beyond_range"} <= found.note_kinds


def test_deep_nesting_is_rejected(read: Reader) -> None:
    found = read('{"a":1}\n{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n", "t.jsonl")
    assert found.result["ledger"]["rejected"] == 1


def test_half_a_surrogate_pair_is_no_text(read: Reader) -> None:
    found = read('{"a":"x"}\n{"a":"\\ud800"}\n', "t.jsonl")
    assert (found.column("a"), found.result["ledger"]["rejected"]) == (["x"], 1)
