"""Differences against what counting in Python says."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_ingest.errors import KeyNotUnique
from raia_ingest.workers.diff import diff_files
from raia_ingest.workers.diff_page import diff_page

TYPES = {"integer": pa.int64(), "float": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}


def compare(folder, base, new, keys=(), base_types=None, types=None):
    """Compares tables given as (names, rows); answers counts and every differing row."""
    described = []
    for side, (names, rows), wanted in (("base", base, base_types), ("new", new, types)):
        kinds = wanted or ["string"] * len(names)
        columns = [
            pa.array([row[place] for row in rows], TYPES[kind]) for place, kind in enumerate(kinds)
        ]  # fmt: skip
        pq.write_table(pa.table(columns, names=list(names)), folder / f"{side}.parquet", row_group_size=3)
        described.append(
            [{"name": name, "type": kind, "timezone": ""} for name, kind in zip(names, kinds, strict=True)]
        )
    paths = {"base_path": str(folder / "base.parquet"), "path": str(folder / "new.parquet")}
    found = diff_files(
        **paths,
        base_columns=described[0],
        columns=described[1],
        keys=list(keys),
        output=str(folder / "out.parquet"),
        memory_bytes=256 * 1024**2,
        spill_folder=str(folder),
        progress=lambda fraction, message: None,
    )
    page = diff_page(
        **paths,
        differences=str(folder / "out.parquet"),
        compared=found["compared"],
        offset=0,
        limit=1000,
        max_bytes=10**6,
    )
    return found, page["rows"]


def counts(found):
    return tuple(found[f"rows_{kind}"] for kind in ("added", "removed", "changed", "unchanged"))


def test_rows_are_the_same_by_their_keys(tmp_path):
    base = (("id", "name", "city"), [("1", "Ann", "Bern"), ("2", "Bo", "Ulm"), ("3", "Cy", None), ("4", "Di", "Rom")])
    new = (("city", "id", "name"), [("Ulm", "2", "Bob"), ("Bern", "1", "Ann"), ("", "3", "Cyd"), ("Linz", "5", "Ed")])
    found, rows = compare(tmp_path, base, new, ["id"])
    assert counts(found) == (1, 1, 2, 1)
    assert found["columns"] == [{"name": "city", "rows_changed": 1}, {"name": "name", "rows_changed": 2}]
    assert [(row["kind"], row["base_row"], row["row"]) for row in rows] == [
        ("added", None, 4), ("removed", 4, None), ("changed", 2, 1), ("changed", 3, 3),
    ]  # fmt: skip
    assert rows[3]["base_values"] == ["3", "Cy", None]
    assert rows[3]["values"] == ["", "3", "Cyd"]
    assert [row["changed_columns"] for row in rows] == [[], [], ["name"], ["city", "name"]]


def test_keys_may_be_absent_but_not_shared(tmp_path):
    names = ("a", "b")
    found, _ = compare(tmp_path, (names, [(None, "1"), ("x", "2")]), (names, [(None, "3"), ("x", "2")]), ["a"])
    assert counts(found) == (0, 0, 1, 1)
    with pytest.raises(KeyNotUnique, match="rows of the version apart: 2 of them"):
        compare(tmp_path, (names, [("x", "1")]), (names, [(None, "3"), (None, "2")]), ["a"])
    with pytest.raises(KeyNotUnique, match="base version"):
        compare(tmp_path, (names, [("x", "1"), ("x", "1")]), (names, []), ["a"])


def test_texts_that_only_look_alike_differ(tmp_path):
    names = ("a", "b")
    base = (names, [("ab", "c"), ("-", None), ("1:a", ""), ("é", "x\x00y")])
    new = (names, [("a", "bc"), (None, "-"), ("1", ":a"), ("é", "x\x00y")])
    found, _ = compare(tmp_path, base, new)
    assert counts(found) == (3, 3, 0, 1)


def test_other_types_are_compared_by_value(tmp_path):
    base = (("id", "n", "zero", "gone"), [(1, 5, 0.0, "x"), (2, 6, -0.0, "y")])
    new = (("id", "n", "zero", "more"), [(1, 5.0, -0.0, True), (2, 6.5, 0.0, False)])
    kinds = ["integer", "integer", "float", "string"]
    found, rows = compare(tmp_path, base, new, ["id"], kinds, ["integer", "float", "float", "boolean"])
    assert counts(found) == (0, 0, 1, 1)
    assert rows[0]["changed_columns"] == ["n"]


def test_tables_without_rows_or_common_columns(tmp_path):
    found, _ = compare(tmp_path, (("a",), []), (("a",), []))
    assert counts(found) == (0, 0, 0, 0)
    found, _ = compare(tmp_path, (("a",), [("1",), ("1",)]), (("b",), [("1",)]))
    assert counts(found) == (0, 1, 0, 1)


def test_a_column_called_as_the_database_numbers_rows(tmp_path):
    names = ("file_row_number", "b")
    found, rows = compare(tmp_path, (names, [("7", "1"), ("8", "2")]), (names, [("8", "2"), ("9", "1")]))
    assert counts(found) == (1, 1, 0, 1)
    assert [row["values"] or row["base_values"] for row in rows] == [["9", "1"], ["7", "1"]]


_CELL = st.none() | st.sampled_from(["", "a", "b", "ab", "-"])
_ROWS = st.lists(st.tuples(_CELL, _CELL), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=_ROWS, new=_ROWS)
def test_bags_of_rows_are_counted_as_python_counts(tmp_path, base, new):
    found, rows = compare(tmp_path, (("x", "y"), base), (("x", "y"), new))
    added, removed = Counter(new) - Counter(base), Counter(base) - Counter(new)
    assert counts(found) == (added.total(), removed.total(), 0, len(base) - removed.total())
    assert Counter(tuple(row["values"]) for row in rows if row["kind"] == "added") == added
    assert Counter(tuple(row["base_values"]) for row in rows if row["kind"] == "removed") == removed
