"""Entities made of rows: whatever the cells hold, every record is stored, repaired or rejected."""

import tempfile
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_ingest.workers.matching.fill import fill_entities

ENTITIES = [
    {"name": "P", "fields": [{"name": "id", "key": True}, {"name": "born", "type": "date"}]},
    {
        "name": "C",
        "fields": [
            {"name": "id", "key": True},
            {"name": "p", "references": "P.id"},
            {"name": "amount", "type": "float", "required": True},
            {"name": "n", "type": "integer"},
            {"name": "state", "values": [{"value": "open"}, {"value": "closed"}]},
        ],
    },
]
TYPES = {field["name"]: field.get("type", "string") for entity in ENTITIES for field in entity["fields"]}


def plan(**columns):
    found = []
    for place, (column, path) in enumerate(columns.items()):
        entity, name = path.split(".")
        field = next(
            each for told in ENTITIES if told["name"] == entity for each in told["fields"] if each["name"] == name
        )
        found.append(
            {
                "place": place, "column": column, "column_type": "string", "entity": entity, "field": name,
                "field_type": field.get("type", "string"), "required": bool(field.get("required")),
                "key": bool(field.get("key")), "closed": "values" in field, "conversion": {"date_format": "dmy"},
                "tasks": {"value_mapping": "nearest_value"},
                "classes": [[each["value"], ""] for each in field.get("values", [])],
            }
        )  # fmt: skip
    return found


def fill(table, planned, folder, **more):
    path = Path(folder) / "rows.parquet"
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in table.items()}), path)
    job = {
        "path": str(path), "rows": None, "columns": [{"name": name, "type": "string"} for name in table],
        "plan": planned, "entities": ENTITIES, "existing": {}, "folder": str(folder), "prefix": "d/1",
        "now": "2024-01-01T00:00:00", "memory_bytes": 1 << 28, **more,
    }  # fmt: skip
    found = fill_entities(job=job, progress=lambda _fraction, _message: None)
    rejected = [orjson.loads(line) for line in (Path(folder) / "rejected.jsonl").read_bytes().splitlines()]
    return found, rejected


def rows_of(found, entity, folder):
    filled = next(each for each in found["entities"] if each["entity"] == entity)
    return duckdb.sql(f"from read_parquet('{folder}/{filled['file']}')").fetchall()


COLUMNS = {"pid": "P.id", "born": "P.born", "cid": "C.id", "sum": "C.amount", "n": "C.n", "state": "C.state"}
CELL = st.one_of(
    st.none(), st.sampled_from(["1", "2", "3.5", "31/12/2020", "open", "Closed", "x", ""]), st.text(max_size=8)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[CELL] * len(COLUMNS)), min_size=1, max_size=15))
def test_every_record_is_accounted_for(rows):
    table = {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}
    with tempfile.TemporaryDirectory() as folder:
        found, rejected = fill(table, plan(**COLUMNS), folder)
        ledger = found["ledger"]
        assert ledger["records_read"] == len(rows) == ledger["stored"] + ledger["repaired"] + ledger["rejected"]
        assert len(rejected) == ledger["rejected"]
        assert [each["record"] for each in rejected] == sorted({each["record"] for each in rejected})
        for each in found["entities"]:
            keys = [row[0] for row in rows_of(found, each["entity"], folder)]
            assert len(keys) == len(set(keys)) == each["row_count"] and None not in keys


def test_keys_that_are_not_unique_are_told_apart_by_references(tmp_path):
    table = {"pid": ["a", "b", "a"], "cid": ["1", "1", "2"], "sum": ["5", "6", "7"]}
    found, rejected = fill(table, plan(pid="P.id", cid="C.id", sum="C.amount"), tmp_path)
    assert not rejected and found["qualified_keys"] == ["C"]
    assert sorted(row[0] for row in rows_of(found, "C", tmp_path)) == ["a/1", "a/2", "b/1"]


def test_records_that_contradict_each_other_are_rejected(tmp_path):
    table = {"cid": ["1", "1", "1"], "sum": ["5", "5", "7"]}
    found, rejected = fill(table, plan(cid="C.id", sum="C.amount"), tmp_path)
    assert [(each["record"], each["reason"]) for each in rejected] == [(3, "key_conflict")]
    assert found["ledger"]["stored"] == 2


def test_numbers_dates_and_values_are_read_as_people_write_them(tmp_path):
    table = {
        "pid": ["a", "b"], "born": ["31/12/2020", "1.2.1999"], "cid": ["1", "2"], "sum": ["€ 1,234.50", "7"],
        "n": ["3", "3.5"], "state": [" OPEN", "clsed"],
    }  # fmt: skip
    found, _ = fill(table, plan(**COLUMNS), tmp_path)
    born = [str(row[1]) for row in sorted(rows_of(found, "P", tmp_path))]
    assert born == ["2020-12-31", "1999-02-01"]
    claims = sorted(rows_of(found, "C", tmp_path))
    assert [(row[2], row[3], row[4]) for row in claims] == [(1234.5, 3, "open"), (7.0, None, "closed")]
    reasons = {(each["reason"], each["field"]) for each in found["ledger"]["reasons"]}
    assert reasons == {("not_a_number", "C.n"), ("corrected_value", "C.state")}


def test_what_is_there_is_updated_and_kept(tmp_path):
    first = {"pid": ["a", "b"], "born": ["31/12/2020", "1.2.1999"]}
    found, _ = fill(first, plan(pid="P.id", born="P.born"), tmp_path)
    held = tmp_path / "held.parquet"
    (tmp_path / found["entities"][0]["file"]).rename(held)
    second = {"pid": ["b", "c"], "born": ["3.2.1999", None]}
    found, _ = fill(second, plan(pid="P.id", born="P.born"), tmp_path, existing={"P": str(held)})
    (filled,) = found["entities"]
    assert (filled["inserted"], filled["updated"], filled["row_count"]) == (1, 1, 3)
    assert [str(row[1]) for row in sorted(rows_of(found, "P", tmp_path))] == ["2020-12-31", "1999-02-03", "None"]


@pytest.mark.parametrize("name", ['a"b', "select", "Ünï", "a'b", "x y"])
def test_names_of_any_kind_are_quoted(tmp_path, name):
    entities = [{"name": name, "fields": [{"name": name, "key": True}, {"name": "v"}]}]
    planned = plan(cid="C.id")
    planned[0] |= {"entity": name, "field": name, "column": name}
    found, _ = fill({name: ["1"]}, planned, tmp_path, entities=entities)
    assert found["entities"][0]["row_count"] == 1


def test_an_entity_that_lacks_a_required_column_is_left_out(tmp_path):
    table = {"pid": ["a", None, None], "n": ["1", "2", None]}
    found, rejected = fill(table, plan(pid="P.id", n="C.n"), tmp_path)
    assert [each["entity"] for each in found["entities"]] == ["P"]
    assert [(each["record"], each["reason"]) for each in rejected] == [(2, "entity_incomplete"), (3, "empty_record")]
    ledger = found["ledger"]
    assert (ledger["stored"], ledger["repaired"], ledger["rejected"]) == (0, 1, 2)
    assert ("entity_incomplete", "C.amount") in {(each["reason"], each["field"]) for each in ledger["reasons"]}
