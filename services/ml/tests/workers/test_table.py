"""Which rows and columns are learnt from, and what is said about the others."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from raia_ml.errors import DataUnusable
from raia_ml.workers.table import prepare, read, specify

ROWS = 60
RANDOM = np.random.default_rng(1)
Y = ["yes" if number % 3 else "no" for number in range(ROWS)]


def table(**columns):
    return pa.table({"a": RANDOM.normal(size=ROWS), "y": Y, **columns})


def ready(found, target="y", task="", excluded=()):
    prepared = prepare(found, target, task, excluded)
    specs = specify(prepared, np.arange(len(prepared.target)))
    return prepared, {spec.name: spec for spec in specs}


def reason(target, values, **columns):
    with pytest.raises(DataUnusable) as caught:
        ready(pa.table({"a": RANDOM.normal(size=len(values)), target: values, **columns}), target)
    return caught.value.reason, caught.value.message


@pytest.mark.parametrize(
    ("values", "expected", "words"),
    [
        (["x"] * 40, "TARGET_UNUSABLE", "all rows have the value 'x'"),
        (pa.nulls(40), "TARGET_UNUSABLE", "no values"),
        ([None] * 40, "TARGET_UNUSABLE", "no values"),
        ([f"id {number}" for number in range(200)], "TARGET_UNUSABLE", "200 different values"),
        (["x"] * 39 + ["y"], "TARGET_UNUSABLE", "class 'y' has one row"),
        (["x", "y" * 501] * 20, "TARGET_UNUSABLE", "at most 500 characters"),
        ([2.5] * 40, "TARGET_UNUSABLE", "all rows have the value"),
        (["x", "y"] * 5, "DATA_INSUFFICIENT", "too few"),
        (["x", "y"] * 5 + [None] * 40, "DATA_INSUFFICIENT", "only 10 rows"),
    ],
)
def test_unusable_targets(values, expected, words):
    found = reason("t", values)
    assert found[0] == expected
    assert words in found[1]


def test_a_target_that_is_not_there():
    with pytest.raises(DataUnusable, match="no such column; it has a, y"):
        prepare(table(), "z", "", ())


def test_regression_of_texts_is_refused():
    with pytest.raises(DataUnusable, match="regression needs numbers"):
        prepare(table(), "y", "regression", ())


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["x", "y"] * 30, "classification"),
        ([True, False] * 30, "classification"),
        ([1, 2, 3] * 20, "classification"),
        (list(range(60)), "regression"),
        ([0.5, 1.5, 2.5] * 20, "regression"),
        ([0.0, 1.0] * 30, "classification"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    prepared, _ = ready(table(t=values), "t")
    assert prepared.task == task


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([1, 2, 10] * 20, ("1", "2", "10")),
        ([1.0, 0.0] * 30, ("0", "1")),
        ([True, False] * 30, ("false", "true")),
        (["10", "9"] * 30, ("9", "10")),
        (["b", "a", "C"] * 20, ("C", "a", "b")),
        (["nan", "1"] * 30, ("1", "nan")),
    ],
)
def test_classes_are_texts_in_a_fixed_order(values, classes):
    prepared, _ = ready(table(t=values), "t", "classification")
    assert prepared.classes == classes
    assert prepared.target.min() == 0


def test_rows_without_a_target_are_left_out_and_numbers_kept():
    prepared, _ = ready(table(t=[None, "x", "y"] * 20), "t")
    assert prepared.rows.tolist() == [number for number in range(60) if number % 3]
    assert (prepared.total, len(prepared.frame)) == (60, 40)
    assert any("20 rows are left out" in text for text in prepared.warnings)


@pytest.mark.parametrize("scale", [1.1e15, 1e308])
def test_targets_beyond_what_can_be_learnt(scale):
    with pytest.raises(DataUnusable, match="larger unit"):
        prepare(table(t=[-1.0, *RANDOM.random(ROWS - 2), -scale]), "t", "regression", ())


def test_infinity_is_no_class():
    prepared, _ = ready(table(t=[0.0, 1.0, np.inf] * 20), "t", "classification")
    assert (prepared.classes, len(prepared.target)) == (("0", "1"), 40)


def test_infinite_targets_are_left_out():
    values = RANDOM.normal(size=ROWS)
    values[3], values[5] = np.inf, np.nan
    prepared, _ = ready(table(t=values), "t")
    assert len(prepared.target) == 58
    assert any("infinite" in text for text in prepared.warnings)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (pa.nulls(ROWS), "no value"),
        (pa.array([None] * ROWS, pa.float64()), "no value"),
        ([np.nan] * ROWS, "no value"),
        ([np.inf] * ROWS, "no value"),
        ([7] * ROWS, "the same value"),
        (["x"] * ROWS, "the same value"),
        ([f"id-{number}" for number in range(ROWS)], "identifier"),
        ([dt.date(2020, 1, 1 + number % 28) for number in range(ROWS)], "date32"),
        ([b"x", b"y"] * 30, "binary"),
    ],
)
def test_columns_that_tell_nothing_are_left_out_with_a_warning(values, why):
    prepared, specs = ready(table(other=values))
    assert set(specs) == {"a"}
    assert [each["column"] for each in prepared.dropped] == ["other"]
    assert why in prepared.dropped[0]["reason"]
    assert any("'other' is left out" in text for text in prepared.warnings)


def test_numbers_that_differ_in_every_row_are_no_identifiers():
    assert "other" in ready(table(other=list(range(ROWS))))[1]


def test_missing_or_not_is_something_to_learn_from():
    _, specs = ready(table(number=[1.0, None] * 30, text=["x", None] * 30))
    assert specs["number"].nullable
    assert specs["text"].nullable


def test_excluded_columns():
    prepared, specs = ready(table(other=list(range(ROWS))), excluded=["other"])
    assert set(specs) == {"a"}
    assert prepared.dropped == [{"column": "other", "reason": "excluded on request"}]
    assert not any("other" in text for text in prepared.warnings)


def test_no_column_left():
    with pytest.raises(DataUnusable) as caught:
        ready(pa.table({"a": [1] * ROWS, "y": Y}))
    assert caught.value.reason == "DATA_INSUFFICIENT"


def test_infinite_numbers_count_as_missing():
    values = RANDOM.normal(size=ROWS)
    values[:3] = [np.inf, -np.inf, np.inf]
    prepared, specs = ready(table(other=values))
    assert specs["other"].nullable
    assert specs["other"].maximum == pytest.approx(values[3:].max())
    assert any("3 infinite values" in text for text in prepared.warnings)


def test_imbalance_is_told():
    prepared, _ = ready(table(t=["x"] * 55 + ["y"] * 5), "t")
    assert any("imbalanced: 'y' makes up 8.3%" in text for text in prepared.warnings)
    assert not any("imbalanced" in text for text in ready(table())[0].warnings)


def test_signatures_list_a_thousand_categories_at_most():
    values = [f"v{number % 1500}" for number in range(3000)]
    found = pa.table({"c": values, "y": ["a", "b"] * 1500})
    _, specs = ready(found)
    assert len(specs["c"].categories) == 1000
    assert not specs["c"].complete


def test_signatures_do_not_grow_without_end():
    long = [f"{number}" * 5000 for number in range(10, 60)] * 2
    columns = {f"c{number}": long for number in range(6)}
    _, specs = ready(pa.table({**columns, "y": ["a", "b"] * 50}))
    assert sum(len(text) for spec in specs.values() for text in spec.categories) <= 500_000
    assert [spec.complete for spec in specs.values()] == [True] + [False] * 5


def test_columns_that_may_not_be_meant_are_told():
    found = pa.table(
        {
            "number": range(1000),
            "many": [f"v{number % 400}" for number in range(1000)],
            "time": [number / 7 for number in range(1000)],
            "y": ["a", "b"] * 500,
        }
    )
    prepared, specs = ready(found)
    assert set(specs) == {"number", "many", "time"}
    assert [text.partition("'")[2].partition("'")[0] for text in prepared.warnings] == ["number", "many"]
    assert "255 most frequent" in prepared.warnings[1]


def test_too_many_rows_are_refused_while_reading(tmp_path):
    path = tmp_path / "rows"
    found = pa.table({"a": range(100)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found, max_chunksize=10)
    assert read(str(path), 100).num_rows == 100
    with pytest.raises(DataUnusable, match="more than the 99 rows"):
        read(str(path), 99)
