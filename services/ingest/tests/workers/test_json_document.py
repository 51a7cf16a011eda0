import json

import pytest
from raia_ingest.workers import json_scanner
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader

_ROWS = [{"id": 1, "name": "Ann", "when": "2024-01-01"}, {"id": 2, "tags": ["x"], "when": None}]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_objects_is_a_table(read: Reader, indent: int | None) -> None:
    found = read(json.dumps(_ROWS, indent=indent), "t.json")
    assert found.result["file_type"] == "json"
    assert found.types == {"id": "integer", "name": "string", "when": "date", "tags": "string"}
    assert found.column("tags") == [None, '["x"]']


@pytest.mark.parametrize(
    "document",
    [
        {"meta": {"page": 1, "of": [1, 2]}, "result": {"data": {"rows": _ROWS}}},
        {"type": "list", "first": [{"x": 1}], "result": {"data": {"rows": _ROWS}}, "last": "z"},
    ],
)
def test_the_largest_table_inside_an_object_is_read(read: Reader, document: object) -> None:
    found = read(json.dumps(document, indent=2), "t.json")
    assert found.result["reading"]["path"] == "result.data.rows"
    assert found.column("id") == [1, 2]
    assert "values_beside_table" in found.note_kinds


def test_another_table_can_be_asked_for(read: Reader) -> None:
    document = json.dumps({"policies": _ROWS, "claims": [{"claim": 7}]})
    found = read(document, "t.json", part="claims")
    assert found.rows == [{"claim": 7}]
    assert {part["name"]: part["chosen"] for part in found.result["parts"]} == {"policies": False, "claims": True}


@pytest.mark.parametrize(
    "document",
    [
        [["a", "b"], [1, "x"], [2, "y"]],
        {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]},
        {"fields": [{"name": "a"}, {"name": "b"}], "rows": [[1, "x"], [2, "y"]]},
        {"a": [1, 2], "b": ["x", "y"]},
    ],
)
def test_rows_and_columns_of_values_are_tables(read: Reader, document: object) -> None:
    assert read(json.dumps(document), "t.json").rows == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_one_object_is_one_record_and_plain_values_a_column(read: Reader) -> None:
    assert read('{\n"a": 1,\n"b": {"c": "x"}\n}', "t.json").rows == [{"a": 1, "b.c": "x"}]
    assert read("[\n1,\n2\n]", "t.json").rows == [{"value": 1}, {"value": 2}]


def test_elements_of_another_shape_are_rejected_with_their_place(read: Reader) -> None:
    found = read('[{"a":1},7,{"a":2}]', "t.json")
    assert [(entry["record"], entry["reason"], entry["content"]) for entry in found.entries] == [(2, "not_object", "7")]
    ragged = read("[[1,2],[3],[4,5]]", "t.json")
    assert ragged.result["ledger"]["stored"] == 3
    named = read('[["a","b"],[1,2],[3]]', "t.json")
    assert named.result["ledger"]["rejected"] == 1


@pytest.mark.parametrize("content", ['[{"a":1},{"a":', '[{"a":1}}', '{"a":[{"b":1}', "[1,2", '[{"a":1}] x', "[" * 5000])
def test_a_document_that_is_broken_or_cut_is_damaged(read: Reader, content: str) -> None:
    with pytest.raises(RaiaError) as caught:
        read(content, "t.json")
    assert caught.value.reason == "FILE_CORRUPT"


def test_elements_across_the_window_are_read_whole(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scanner, "_WINDOW", 7)
    rows = [{"n": n, "text": "é" * (1 + n % 23), "f": n / 7} for n in range(200)]
    assert read(json.dumps({"x": {"y": rows}}, ensure_ascii=False), "t.json").rows == rows


def test_too_many_keys_are_refused(read: Reader) -> None:
    with pytest.raises(RaiaError) as caught:
        read(json.dumps([{f"k{n}": 1} for n in range(20)]), "t.json", Limits(max_columns=10))
    assert caught.value.reason == "TOO_MANY_COLUMNS"


def test_names_in_brackets_are_no_json(read: Reader) -> None:
    assert read("[id],[name]\n1,Ann\n2,Bob\n").table.schema.names == ["[id]", "[name]"]


def test_a_line_of_json_is_lines_unless_a_table_lies_in_it(read: Reader) -> None:
    assert read('{"a":1}', "t.json").result["file_type"] == "jsonl"
    assert read('{"a":[{"b":1},{"b":2}]}', "t.json").rows == [{"b": 1}, {"b": 2}]
    assert read('{"a":[{"b":1}]}\n{"a":[{"b":2}]}\n', "t.jsonl").result["file_type"] == "jsonl"
