"""Rules on files: every failing row, against tables worked out by hand and against pandas."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_ingest.workers.rules import validate_file
from raia_ingest.workers.rules_page import failing_page

KINDS = {
    pa.int64(): "integer",
    pa.float64(): "float",
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "datetime",
    pa.time64("us"): "time",
    pa.null(): "null",
}
NOW = "2025-01-10T12:00:00+00:00"


def described(table: pa.Table) -> list[dict[str, str]]:
    return [{"name": field.name, "type": KINDS[field.type]} for field in table.schema]


def validate(folder: Path, table: pa.Table, checks, others=(), tolerance=0.0):
    """The result, and the failing rows of each check by its place."""
    path, target = folder / "data.parquet", folder / "failing.parquet"
    target.unlink(missing_ok=True)
    pq.write_table(table, path, row_group_size=3)
    found = validate_file(
        path=str(path),
        columns=described(table),
        rules=[{"check": check, "tolerance": tolerance} for check in checks],
        others=list(others),
        target=str(target),
        now=NOW,
        memory_bytes=1 << 28,
        spill_folder=str(folder),
        progress=lambda _fraction, _message: None,
    )
    rows = {place: [] for place in range(1, len(checks) + 1)}
    if target.exists():
        for row in pq.read_table(target).to_pylist():
            rows[row["rule"]].append(row["row"])
    for place, result in enumerate(found["results"], start=1):
        assert result["failing_row_count"] == len(rows[place])
        assert rows[place] == sorted(set(rows[place]))
    assert found["failing_row_count"] == len({row for each in rows.values() for row in each})
    return found, rows


TABLE = pa.table(
    {
        "id": [1, 2, 2, 4, None, 4],
        "name": ["a", "b ", "", None, "Zed", "  "],
        "x": [1.5, None, -3.0, 100.0, 2.0, float("inf")],
        "day": pa.array([dt.date(2024, 1, 1)] * 4 + [dt.date(2025, 1, 9), None]),
        "code": ["12", "x", "3.5", "1e3", None, "true"],
        "at": pa.array([dt.datetime(2025, 1, 10, 11)] * 5 + [dt.datetime(2025, 1, 10, 13)]),
        "none": pa.nulls(6),
        "clock": [dt.time(9, 30), None, dt.time(12), dt.time(0), dt.time(23, 59), dt.time(10)],
        "yes": [True, False, None, True, True, False],
    }
)


@pytest.mark.parametrize(
    ("check", "failing"),
    [
        ({"not_null": {"columns": ["id"]}}, [5]),
        ({"not_null": {"columns": ["id", "name"]}}, [4, 5]),
        ({"not_null": {"columns": ["name"], "blank_is_missing": True}}, [3, 4, 6]),
        ({"not_null": {"columns": ["none"]}}, [1, 2, 3, 4, 5, 6]),
        ({"unique": {"columns": ["id"]}}, [2, 3, 4, 6]),
        ({"unique": {"columns": ["id", "day"]}}, [2, 3]),
        ({"range": {"column": "x", "minimum": 0}}, [3]),
        ({"range": {"column": "x", "minimum": 1.5, "maximum": 100, "exclusive_minimum": True}}, [1, 3, 6]),
        ({"range": {"column": "x", "maximum": 100, "exclusive_maximum": True}}, [4, 6]),
        ({"range": {"column": "day", "minimum": "2024-06-01"}}, [1, 2, 3, 4]),
        ({"range": {"column": "at", "maximum": "2025-01-10T12:00:00Z"}}, [6]),
        ({"range": {"column": "none", "minimum": 0}}, []),
        ({"set": {"column": "name", "values": ["a", "zed"]}}, [2, 3, 5, 6]),
        ({"set": {"column": "name", "values": ["A", "zed"], "ignore_case": True}}, [2, 3, 6]),
        ({"set": {"column": "id", "values": [1, 4.0], "forbidden": True}}, [1, 4, 6]),
        ({"set": {"column": "yes", "values": [True]}}, [2, 6]),
        ({"pattern": {"column": "name", "pattern": "[a-z]"}}, [2, 3, 5, 6]),
        ({"pattern": {"column": "name", "pattern": "[a-z]", "partial": True}}, [3, 6]),
        ({"pattern": {"column": "name", "pattern": "z.*", "ignore_case": True, "forbidden": True}}, [5]),
        ({"type": {"column": "code", "type": "integer"}}, [2, 3, 4, 6]),
        ({"type": {"column": "code", "type": "float"}}, [2, 6]),
        ({"type": {"column": "code", "type": "boolean"}}, [1, 2, 3, 4]),
        ({"type": {"column": "id", "type": "float"}}, []),
        ({"length": {"column": "name", "minimum": "1", "maximum": "2"}}, [3, 5]),
        ({"freshness": {"column": "day", "maximum_age": "864000s", "each_row": True}}, [1, 2, 3, 4]),
        ({"row_condition": {"expression": "x > 0 or id = 2"}}, []),
        ({"row_condition": {"expression": "x > 0"}}, [3]),
        ({"row_condition": {"expression": "id is not null and (x >= 0 or x is null)"}}, [3, 5]),
        ({"row_condition": {"expression": "upper(trim(name)) in ('A', 'B') or length(name) = 0"}}, [5, 6]),
        ({"row_condition": {"expression": "case when yes then x < 50 else true end"}}, [4]),
        ({"row_condition": {"expression": "day between '2024-01-01' and date('2024-12-31')"}}, [5]),
        ({"row_condition": {"expression": "days_between(day, today()) < 30"}}, [1, 2, 3, 4]),
        ({"row_condition": {"expression": "number(code) / 0 > 1"}}, []),
        ({"row_condition": {"expression": "name not like '%e%' and name not matches '\\s+'"}}, [5, 6]),
        ({"row_condition": {"expression": "clock > '09:00' and '23:00' >= clock and hour(clock) <> 10"}}, [4, 5, 6]),
        ({"range": {"column": "clock", "minimum": "09:30", "exclusive_minimum": True}}, [1, 4]),
        ({"row_condition": {"expression": "id * 4611686018427387904 > 0"}}, []),
    ],
)
def test_each_demand_fails_on_the_rows_worked_out_by_hand(tmp_path, check, failing):
    found, rows = validate(tmp_path, TABLE, [check])
    assert rows[1] == failing
    assert found["results"][0]["status"] == ("failed" if failing else "passed")


def test_what_cannot_be_evaluated_disturbs_no_other(tmp_path):
    checks = [
        {"row_condition": {"expression": " * ".join(["id"] + ["9223372036854775807"] * 3) + " > 0"}},
        {"not_null": {"columns": ["id"]}},
        {"range": {"column": "gone", "minimum": 0}},
        {"reference": {"columns": ["id"], "dataset_id": "absent"}},
    ]
    found, rows = validate(tmp_path, TABLE, checks)
    assert [result["status"] for result in found["results"]] == ["error", "failed", "error", "error"]
    assert "larger than any type" in found["results"][0]["message"]
    assert rows[2] == [5]


def test_a_tolerance_is_a_share_of_the_rows(tmp_path):
    check = [{"not_null": {"columns": ["id"]}}]
    assert validate(tmp_path, TABLE, check, tolerance=1 / 6)[0]["results"][0]["status"] == "passed"
    assert validate(tmp_path, TABLE, check, tolerance=0.16)[0]["results"][0]["status"] == "failed"


def test_freshness_looks_at_the_newest_value(tmp_path):
    checks = [
        {"freshness": {"column": "day", "maximum_age": "172800s"}},
        {"freshness": {"column": "day", "maximum_age": "3600s"}},
        {"freshness": {"column": "none", "maximum_age": "3600s"}},
    ]
    found, _ = validate(tmp_path, TABLE, checks)
    assert [result["status"] for result in found["results"]] == ["passed", "failed", "failed"]
    assert found["results"][0]["observed"]["newest"] == "2025-01-09"


def other(folder: Path, table: pa.Table) -> dict[str, object]:
    path = folder / "other.parquet"
    pq.write_table(table, path)
    return {"dataset_id": "D", "version": 0, "path": str(path), "columns": described(table)}


def test_references_and_conditions_between_tables(tmp_path):
    lines = pa.table({"order": [1, 1, 2, 3, None], "amount": [10.0, 5.0, 7.0, 1.0, 9.0]})
    orders = other(tmp_path, pa.table({"key": [1, 2, 4], "total": [15.0, 8.0, 0.0], "limit": [9.0, 9.0, 9.0]}))
    place = {"dataset_id": "D", "columns": ["order"], "referenced_columns": ["key"]}
    checks = [
        {"reference": place},
        {"cross_table": {**place, "expression": "amount <= other.limit"}},
        {"cross_table": {**place, "expression": "sum(amount) = sum(other.total)"}},
        {"cross_table": {"dataset_id": "D", "expression": "sum(amount) = sum(other.total)"}},
        {"cross_table": {"dataset_id": "D", "expression": "count() > count(other.key) and maximum(amount) > 9"}},
        {"cross_table": {"dataset_id": "D", "expression": "amount > sum(other.total)"}},
        {"cross_table": {**place, "expression": "amount > sum(amount) and other.total > 0"}},
    ]
    found, rows = validate(tmp_path, lines, checks, [orders])
    assert rows == {1: [4], 2: [1], 3: [3, 4], 4: [], 5: [], 6: [], 7: []}
    statuses = [result["status"] for result in found["results"]]
    assert statuses == ["failed", "failed", "failed", "failed", "passed", "error", "error"]
    assert "32.0, 23.0" in found["results"][3]["message"]


def test_a_plain_column_of_the_other_table_needs_one_row_a_key(tmp_path):
    lines = pa.table({"order": [1, 2]})
    twice = other(tmp_path, pa.table({"order": [1, 1], "day": [5, 6]}))
    place = {"dataset_id": "D", "columns": ["order"]}
    checks = [
        {"cross_table": {**place, "expression": "other.day > 5"}},
        {"cross_table": {**place, "expression": "minimum(other.day) > 5"}},
    ]
    found, rows = validate(tmp_path, lines, checks, [twice])
    assert "several rows of one key" in found["results"][0]["message"]
    assert rows[2] == [1]


@pytest.mark.parametrize("name", ["file_row_number", "FILE_ROW_NUMBER", "row", 'a"b', "c0"])
def test_columns_may_have_any_name(tmp_path, name):
    table = pa.table({name: [1, None, 3, 4, None, 6, 7]})
    _, rows = validate(tmp_path, table, [{"not_null": {"columns": [name]}}, {"range": {"column": name, "maximum": 5}}])
    assert rows == {1: [2, 5], 2: [6, 7]}


def test_names_that_differ_in_case_alone_are_different_columns(tmp_path):
    table = pa.table({"a": [1, None], "A": [None, 2]})
    _, rows = validate(tmp_path, table, [{"not_null": {"columns": ["a"]}}, {"not_null": {"columns": ["A"]}}])
    assert rows == {1: [2], 2: [1]}


def test_of_wide_tables_only_what_rules_need_is_read(tmp_path):
    table = pa.table({f"c{n}": [n, None, n + 1] for n in range(250)})
    checks = [
        {"not_null": {"columns": ["c200", "c3"]}},
        {"row_condition": {"expression": "c249 = 249"}},
        {"unique": {"columns": ["c120"]}},
        {"reference": {"columns": ["c7"], "dataset_id": "D", "referenced_columns": ["c249"]}},
    ]
    _, rows = validate(tmp_path, table, checks, [other(tmp_path, table)])
    assert rows == {1: [2], 2: [3], 3: [], 4: [1, 3]}


cells = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 5)),
        st.one_of(st.none(), st.text(alphabet="ab 'é\n", max_size=4)),
        st.one_of(st.none(), st.floats(-10, 10)),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(cells, st.integers(-5, 5), st.text(alphabet="ab 'é", max_size=3))
def test_any_table_fails_as_pandas_says(tmp_path_factory, rows, bound, text):
    folder = tmp_path_factory.mktemp("any")
    table = pa.table(
        {
            "n": pa.array([row[0] for row in rows], pa.int64()),
            "t": pa.array([row[1] for row in rows], pa.string()),
            "f": pa.array([row[2] for row in rows], pa.float64()),
        }
    )
    frame = pd.DataFrame({"n": pd.array(table["n"].to_pylist(), dtype="Int64")})
    frame["t"] = pd.array(table["t"].to_pylist(), dtype=object)
    frame["f"] = pd.array(table["f"].to_pylist(), dtype="Float64")
    literal = text.replace("'", "''")
    checks = [
        {"unique": {"columns": ["n", "t"]}},
        {"range": {"column": "f", "minimum": bound}},
        {"set": {"column": "t", "values": [text]}},
        {"row_condition": {"expression": f"n + f > {bound} or t = '{literal}'"}},
        {"length": {"column": "t", "maximum": 2}},
    ]
    _, failing = validate(folder, table, checks)
    keys = frame.dropna(subset=["n", "t"])
    assert failing[1] == [i + 1 for i in keys.index[keys.duplicated(["n", "t"], keep=False)]]
    assert failing[2] == [i + 1 for i, value in frame["f"].items() if not pd.isna(value) and value < bound]
    assert failing[3] == [i + 1 for i, value in frame["t"].items() if not pd.isna(value) and value != text]
    expected = []
    for i, (n, t, f) in enumerate(rows, start=1):
        total = None if n is None or f is None else n + f > bound
        same = None if t is None else t == text
        expected += [i] if total is not True and same is not True and (total, same) == (False, False) else []
    assert failing[4] == expected
    assert failing[5] == [i + 1 for i, value in frame["t"].items() if not pd.isna(value) and len(value) > 2]


def test_pages_of_failing_rows_meet_all_of_them_once(tmp_path):
    table = pa.table({"n": list(range(100)), "t": [f"text {n}" for n in range(100)]})
    checks = [{"row_condition": {"expression": "n % 7 <> 0"}}, {"range": {"column": "n", "maximum": 49}}]
    validate(tmp_path, table, checks)
    seen, after = [], [0, 0]
    while True:
        page = failing_page(
            path=str(tmp_path / "data.parquet"),
            failing=str(tmp_path / "failing.parquet"),
            rule=0,
            after=after,
            limit=9,
            columns=["t", "n"],
            max_bytes=10_000,
            folder=str(tmp_path),
        )
        seen += page["rows"]
        if not page["more"]:
            break
        after = [page["rows"][-1]["rule"], page["rows"][-1]["row"]]
    expected = [(1, n + 1) for n in range(100) if n % 7 == 0] + [(2, n + 1) for n in range(50, 100)]
    assert [(row["rule"], row["row"]) for row in seen] == expected
    assert all(row["values"] == [f"text {row['row'] - 1}", row["row"] - 1] for row in seen)
