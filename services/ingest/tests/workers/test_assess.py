"""Assessments of files, against figures worked out by hand and by numpy."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_ingest.workers import assess as assessing
from raia_ingest.workers.assess import assess_file

KINDS = {pa.int64(): "integer", pa.float64(): "float", pa.string(): "string", pa.null(): "null"}


def assess(folder, table, ledger=None, rules=()):
    path = folder / "data.parquet"
    pq.write_table(table, path)
    return assess_file(
        path=str(path),
        columns=[{"name": field.name, "type": KINDS[field.type]} for field in table.schema],
        ledger=ledger or {"records_read": table.num_rows, "rejected": 0},
        rules=list(rules),
        others=[],
        now="2025-01-01T00:00:00+00:00",
        memory_bytes=1 << 28,
        spill_folder=str(folder),
        progress=lambda _fraction, _message: None,
    )


def issues(found):
    return {(issue["kind"], issue["column"]): issue for issue in found["issues"]}


def test_outliers_are_those_of_the_robust_z_score(tmp_path):
    values = np.random.default_rng(7).normal(50, 4, 5000)
    values[[10, 20]] = [500.0, -300.0]
    found = assess(tmp_path, pa.table({"x": values}))
    median = np.median(values)
    deviation = np.median(np.abs(values - median))
    far = np.abs(0.6745 * (values - median) / deviation) > 3.5
    told = found["outliers"]["columns"]["x"]
    assert (told["method"], told["count"]) == ("robust_z", int(far.sum()))
    assert told["lower"] == pytest.approx(median - 3.5 * deviation / 0.6745)
    assert [example["row_number"] for example in told["examples"]] == list(np.flatnonzero(far)[:5] + 1)


def test_skewed_values_are_judged_by_their_logarithm(tmp_path):
    values = np.random.default_rng(7).lognormal(3, 1.2, 4000)
    told = assess(tmp_path, pa.table({"x": values}))["outliers"]["columns"]
    logs = np.log(values)
    deviation = np.median(np.abs(logs - np.median(logs)))
    far = np.abs(0.6745 * (logs - np.median(logs)) / deviation) > 3.5
    assert told.get("x", {"count": 0})["count"] == int(far.sum())


def test_a_column_of_mostly_one_value_is_judged_by_its_quartiles(tmp_path):
    values = [0] * 60 + list(range(1, 40)) + [5000]
    told = assess(tmp_path, pa.table({"x": values}))["outliers"]["columns"]["x"]
    low, high = np.quantile(values, [0.25, 0.75])
    assert (told["method"], told["upper"]) == ("interquartile_range", high + 3 * (high - low))
    assert told["examples"] == [{"row_number": 100, "value": 5000}]


def test_texts_are_looked_at_for_what_is_wrong_with_them(tmp_path):
    texts = ["Berlin"] * 10 + ["berlin", "BERLIN ", "", "  ", "NA", "Z\ufffdrich", None]
    found = assess(tmp_path, pa.table({"t": texts}))
    told = {
        kind: (issue["count"], [example["row_number"] for example in issue["examples"]])
        for (kind, _), issue in issues(found).items()
        if kind != "duplicate_rows"
    }
    assert told == {
        "missing_values": (1, []),
        "blank_text": (2, [13, 14]),
        "null_like_text": (1, [15]),
        "damaged_characters": (1, [16]),
        "surrounding_white_space": (1, [12]),
        "inconsistent_spelling": (2, []),
    }
    parts = {part["name"]: part["score"] for part in found["score_parts"]}
    assert parts["completeness"] == pytest.approx(1 - 1 / 17)
    assert parts["validity"] == pytest.approx(1 - 4 / 16)
    assert parts["consistency"] == pytest.approx(1 - 2 / 16)


def test_the_score_is_the_weighted_mean_of_its_parts(tmp_path):
    table = pa.table({"a": [1, 1, 2, None], "b": ["x", "x", "y", "z"]})
    rules = [
        {"rule_id": "r", "name": "u", "severity": "warning", "tolerance": 0, "check": {"unique": {"columns": ["a"]}}},
        {"rule_id": "s", "name": "n", "severity": "error", "tolerance": 0, "check": {"not_null": {"columns": ["b"]}}},
    ]
    found = assess(tmp_path, table, {"records_read": 5, "rejected": 1}, rules)
    parts = {part["name"]: (part["score"], part["weight"]) for part in found["score_parts"]}
    expected = {
        "completeness": (1 - 1 / 8, 0.25),
        "uniqueness": (1 - 1 / 4, 0.15),
        "validity": (1.0, 0.2),
        "consistency": (1.0, 0.1),
        "plausibility": (1.0, 0.1),
        "intake": (1 - 1 / 5, 0.1),
        "rules": ((2 * 0.5 + 3 * 1.0) / 5, 0.3),
    }
    assert parts == {name: (pytest.approx(value), pytest.approx(w / 1.2)) for name, (value, w) in expected.items()}
    assert found["quality_score"] == pytest.approx(sum(value * w for value, w in expected.values()) / 1.2, abs=1e-4)
    assert issues(found)["rule_failed", ""]["examples"] == [{"row_number": 1}, {"row_number": 2}]


def test_nothing_wrong_is_a_score_of_one(tmp_path):
    found = assess(tmp_path, pa.table({"a": list(range(50)), "b": [f"t{n}" for n in range(50)]}))
    assert (found["quality_score"], found["issues"]) == (1.0, [])
    assert found["recommendations"] == "Nothing was found that needs mending."


def test_wide_tables_are_assessed_and_told_within_an_answer(tmp_path, monkeypatch):
    wide = pa.table({f"c{n}": [1, None] if n % 2 else [None, None] for n in range(230)})
    found = assess(tmp_path, wide.cast(pa.schema([(name, pa.int64()) for name in wide.column_names])))
    assert found["missing_values"]["total"] == 115 * 3
    assert len(found["missing_values"]["columns"]) == 230
    assert found["duplicates"] == 0
    monkeypatch.setattr(assessing, "_LARGEST_BYTES", 800)
    kept = assess(tmp_path, wide.select(range(60)))["missing_values"]
    assert len(kept["columns"]) + kept["columns_left_out"] == 60
    assert {facts["count"] for facts in kept["columns"].values()} == {2}


def test_a_table_without_rows_has_no_score(tmp_path):
    empty = assess(tmp_path, pa.table({"a": pa.array([], pa.int64())}))
    assert (empty["quality_score"], [issue["kind"] for issue in empty["issues"]]) == (0.0, ["no_rows"])
