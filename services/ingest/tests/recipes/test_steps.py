"""Steps against figures and values worked out by other means."""

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_ingest.recipes.stages import Fit
from raia_ingest.workers.recipe import figures
from raia_ingest.workers.recipe.duck import DuckEngine, connect
from raia_ingest.workers.recipe.run import run_recipe
from raia_kit.errors import FailedPrecondition, InvalidArgument

TYPES = {
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.time64("us"),
    "null": pa.string(),
}


def clean(folder: Path, table: dict, steps: list, others=None, fitted=None):
    """The columns after the steps, by name, and what the run tells."""
    columns = [{"name": name, "type": kind} for name, (kind, _) in table.items()]
    arrays = {name: pa.array(values, TYPES[kind]) for name, (kind, values) in table.items()}
    pq.write_table(pa.table(arrays), folder / "in.parquet")
    found = run_recipe(
        path=str(folder / "in.parquet"),
        columns=columns,
        steps=steps,
        others=others or {},
        fitted=fitted,
        folder=str(folder),
        memory_bytes=256 * 2**20,
        engine="duckdb",
        spark={},
        progress=lambda _done, _message: None,
    )
    return pq.read_table(folder / "rows.parquet").to_pydict(), found


def one(folder, kind, values, step):
    return clean(folder, {"x": (kind, values)}, [step])[0]


@pytest.mark.parametrize(
    ("values", "parameters", "wanted"),
    [
        (["1", " 22 ", "x", None, "1.5", "99999999999999999999"], {"to": "integer"}, [1, 22, None, None, None, None]),
        (["1.5", "-.5", "1e3", "nan", "inf", "1_0"], {"to": "float"}, [1.5, -0.5, 1000, None, None, None]),
        (["1.234,5", "€ 7"], {"to": "float", "decimal_separator": ",", "ignored_characters": "€"}, [1234.5, 7]),
        (["Yes", "n", "maybe", "1"], {"to": "boolean"}, [True, False, None, True]),
        (["ja", "nein"], {"to": "boolean", "true_values": ["Ja"], "false_values": ["Nein"]}, [True, False]),
        (["2024-02-29", "2023-02-29", "2024-2-9"], {"to": "date"}, [dt.date(2024, 2, 29), None, None]),
        (
            ["2024-02-29T10:00", "2024-02-29"],
            {"to": "datetime"},
            [dt.datetime(2024, 2, 29, 10), dt.datetime(2024, 2, 29)],
        ),
        (["10:30", "25:00"], {"to": "time"}, [dt.time(10, 30), None]),
    ],
)
def test_texts_become_what_they_spell(tmp_path, values, parameters, wanted):
    assert one(tmp_path, "string", values, {"convert_type": {"columns": ["x"], **parameters}})["x"] == wanted


def test_numbers_that_a_type_cannot_hold_are_missing_not_rounded(tmp_path):
    step = {"convert_type": {"columns": ["x"], "to": "integer"}}
    assert one(tmp_path, "float", [1.0, 1.5, 1e300, None], step)["x"] == [1, None, None, None]


def test_a_run_fails_where_a_value_must_not_be_lost(tmp_path):
    step = {"convert_type": {"columns": ["x"], "to": "integer", "on_error": "fail"}}
    with pytest.raises(FailedPrecondition, match=r"step 1: x: .*in 1 rows, the first of them row 2") as raised:
        one(tmp_path, "string", ["1", "b"], step)
    assert raised.value.reason == "RECIPE_STEP_FAILED"


def test_dates_take_the_first_format_that_fits(tmp_path):
    step = {"parse_dates": {"columns": ["x"], "formats": ["%d/%m/%Y", "%m/%d/%Y"]}}
    values = ["03/04/2024", "12/31/2024", "31/12/2024", "31/31/2024", None]
    assert one(tmp_path, "string", values, step)["x"] == [
        dt.date(2024, 4, 3),
        dt.date(2024, 12, 31),
        dt.date(2024, 12, 31),
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("source", "target", "value", "wanted"),
    [
        ("mi", "km", 1.0, 1.609344),
        ("f", "c", 212.0, 100.0),
        ("psi", "bar", 1.0, 0.06894757293168),
        ("lb", "kg", 2, 0.90718474),
        ("c", "k", 0.0, 273.15),
        ("%", "1", 5.0, 0.05),
        ("km/h", "m/s", 36.0, 10.0),
    ],
)
def test_units_are_converted_by_their_definitions(tmp_path, source, target, value, wanted):
    step = {"convert_unit": {"column": "x", "from_unit": source, "to_unit": target}}
    assert one(tmp_path, "float", [value, None], step)["x"] == [pytest.approx(wanted, rel=1e-14), None]


VALUES = [1.0, None, 2.0, 2.0, 10.0, None, 4.0]


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [("mean", np.nanmean([1, 2, 2, 10, 4])), ("median", 2.0), ("mode", 2.0), ("minimum", 1.0), ("maximum", 10.0)],
)
def test_missing_values_are_filled_by_what_pandas_says(tmp_path, strategy, wanted):
    step = {"fill_missing": {"columns": ["x"], "strategy": strategy, "indicator": True}}
    found = one(tmp_path, "float", VALUES, step)
    assert found["x"] == pd.Series(VALUES, dtype=float).fillna(wanted).tolist()
    assert found["x_was_missing"] == [value is None for value in VALUES]


@pytest.mark.parametrize("strategy", ["previous", "next"])
def test_neighbours_fill_within_their_group(tmp_path, strategy):
    groups = ["a", "a", "b", "a", "b", "b", "a"]
    frame = pd.DataFrame({"x": pd.Series(VALUES, dtype=float), "g": groups})
    step = {"fill_missing": {"columns": ["x"], "strategy": strategy, "group_by": ["g"]}}
    found, _ = clean(tmp_path, {"x": ("float", VALUES), "g": ("string", groups)}, [step])
    filled = frame.groupby("g")["x"].ffill() if strategy == "previous" else frame.groupby("g")["x"].bfill()
    assert found["x"] == [None if math.isnan(value) else value for value in filled]


def test_rows_without_a_value_go_with_the_reason(tmp_path):
    found, told = clean(
        tmp_path, {"x": ("float", VALUES)}, [{"fill_missing": {"columns": ["x"], "strategy": "remove_row"}}]
    )
    assert found["x"] == [1, 2, 2, 10, 4]
    assert told["removed"] == [{"step": 1, "kind": "fill_missing", "reason": "x: the value is missing", "count": 2}]
    assert told["removals"] == [{"record": n, "reason": "x: the value is missing"} for n in (2, 6)]
    assert pq.read_table(tmp_path / "ledger.parquet").to_pylist()[1]["record"] == 6


@pytest.mark.parametrize("method", ["iqr", "z_score", "median_deviation", "quantiles", "bounds"])
@pytest.mark.parametrize("action", ["clip", "missing", "flag", "remove_row"])
def test_outliers_lie_outside_the_limits_that_numpy_gives(tmp_path, method, action):
    values = [*np.random.default_rng(3).normal(size=400).tolist(), 50.0, -60.0]
    array = np.array(values)
    quarter, three_quarters = np.quantile(array, [0.25, 0.75])
    median = np.median(array)
    reach = 3.5 * 1.482602218505602 * np.median(np.abs(array - median))
    low, high = {
        "iqr": lambda: (2.5 * quarter - 1.5 * three_quarters, 2.5 * three_quarters - 1.5 * quarter),
        "z_score": lambda: array.mean() + np.array([-3, 3]) * array.std(ddof=1),
        "median_deviation": lambda: (median - reach, median + reach),
        "quantiles": lambda: np.quantile(array, [0.01, 0.99]),
        "bounds": lambda: (-2.0, 2.0),
    }[method]()
    limits = {"lower": -2.0, "upper": 2.0} if method == "bounds" else {}
    step = {"handle_outliers": {"columns": ["x"], "method": method, "action": action, **limits}}
    found = one(tmp_path, "float", values, step)
    outside = (array < low) | (array > high)
    assert outside.any()
    if action == "flag":
        assert found["x_is_outlier"] == outside.tolist()
    elif action == "clip":
        assert found["x"] == pytest.approx(np.clip(array, low, high).tolist(), rel=1e-12)
    elif action == "missing":
        assert found["x"] == [None if far else value for value, far in zip(values, outside, strict=True)]
    else:
        assert found["x"] == array[~outside].tolist()


def test_texts_are_normalized_in_the_stated_order(tmp_path):
    step = {
        "normalize_text": {
            "columns": ["x"],
            "compose": True,
            "strip_accents": True,
            "collapse_spaces": True,
            "trim": True,
            "case": "lower",
            "missing_tokens": ["N/A"],
            "empty_as_missing": True,
        }
    }
    values = ["  Cafe\u0301 \t Noir\u00a0", "n/a", "   ", None, "Ünï"]
    assert one(tmp_path, "string", values, step)["x"] == ["cafe noir", None, None, None, "uni"]


def test_values_are_replaced(tmp_path):
    step = {
        "replace_values": {
            "column": "x",
            "ignore_case": True,
            "others": "missing",
            "replacements": [
                {"old_values": ["m", "Male"], "new_value": "man"},
                {"old_values": ["'; drop"], "new_value": None},
            ],
        }
    }
    assert one(tmp_path, "string", ["M", " male", "'; drop", "f", None], step)["x"] == ["man", "man", None, None, None]


def test_rare_categories_are_merged_and_encoded_like_sklearn_would(tmp_path):
    values = ["a"] * 6 + ["b"] * 3 + ["c", None]
    steps = [
        {"merge_rare": {"columns": ["x"], "minimum_fraction": 0.2, "into": "few"}},
        {"encode_categories": {"columns": ["x"], "method": "one_hot"}},
    ]
    found, _ = clean(tmp_path, {"x": ("string", values)}, steps)
    merged = pd.Series(["a"] * 6 + ["b"] * 3 + ["few", None])
    assert pd.DataFrame(found).equals(pd.get_dummies(merged, prefix="x", prefix_sep="=").astype("int64"))


def test_nul_in_a_category_is_a_character_like_others(tmp_path):
    values = ["a\x00b", "a\x00b", "a", "a\x00c"]
    steps = [
        {"merge_rare": {"columns": ["x"], "minimum_fraction": 0.5}},
        {"encode_categories": {"columns": ["x"], "method": "frequency", "keep_original": True}},
    ]
    found, _ = clean(tmp_path, {"x": ("string", values)}, steps)
    assert found == {"x": ["a\x00b", "a\x00b", "other", "other"], "x_frequency": [0.5] * 4}


def test_too_many_categories_are_an_error_not_a_thousand_columns(tmp_path):
    step = {"encode_categories": {"columns": ["x"], "method": "one_hot", "limit": 3}}
    with pytest.raises(FailedPrecondition, match="more than the 3 categories"):
        one(tmp_path, "string", list("abcd"), step)


@pytest.mark.parametrize("method", ["standard", "min_max", "max_abs", "robust", "log"])
def test_scales_agree_with_numpy(tmp_path, method):
    array = np.random.default_rng(5).gamma(2.0, 3.0, size=301)
    low, middle, high = np.quantile(array, [0.25, 0.5, 0.75])
    wanted = {
        "standard": (array - array.mean()) / array.std(ddof=1),
        "min_max": (array - array.min()) / (array.max() - array.min()),
        "max_abs": array / np.abs(array).max(),
        "robust": (array - middle) / (high - low),
        "log": np.log1p(array),
    }[method]
    found = one(tmp_path, "float", array.tolist(), {"scale_numbers": {"columns": ["x"], "method": method}})
    assert found["x"] == pytest.approx(wanted.tolist(), rel=1e-9, abs=1e-12)


def test_what_was_learnt_is_used_again(tmp_path):
    step = [{"scale_numbers": {"columns": ["x"], "method": "min_max"}}]
    _, told = clean(tmp_path, {"x": ("integer", [0, 10])}, step)
    found, again = clean(tmp_path, {"x": ("integer", [5, 20])}, step, fitted=told["fitted"])
    assert (found["x"], again["fitted"]) == ([0.5, 2.0], told["fitted"])


def test_repetitions_keep_the_first_or_the_last(tmp_path):
    table = {"k": ("string", ["A", "b", "a ", None, "b", None]), "n": ("integer", list(range(6)))}
    first, _ = clean(tmp_path, table, [{"deduplicate": {"columns": ["k"]}}])
    last, _ = clean(tmp_path, table, [{"deduplicate": {"columns": ["k"], "keep": "last", "ignore_case": True}}])
    assert (first["n"], last["n"]) == ([0, 1, 2, 3], [2, 4, 5])
    assert pq.read_table(tmp_path / "lineage.parquet").to_pydict() == {"row": [3, 5, 6]}


def test_rows_that_an_earlier_step_removed_teach_nothing(tmp_path):
    steps = [{"filter_rows": {"expression": "x < 100"}}, {"fill_missing": {"columns": ["y"], "strategy": "mean"}}]
    table = {"x": ("integer", [1, 2, 1000]), "y": ("float", [4.0, None, 9999.0])}
    assert clean(tmp_path, table, steps)[0]["y"] == [4.0, 4.0]


def test_names_that_differ_in_case_alone_and_hidden_names_are_columns_like_others(tmp_path):
    table = {name: ("integer", [1]) for name in ("a", "A", "_r", "file_row_number", "q\"uo'te", "c0")}
    step = {"derive_column": {"column": "sum", "expression": 'a + 10 * A + 100 * _r + c0 + "q""uo\'te"'}}
    found, told = clean(tmp_path, table, [step])
    assert (found["sum"], list(found)) == ([113], [*table, "sum"])
    assert told["rows_read"] == told["row_count"] == 1


def test_an_empty_table_stays_one(tmp_path):
    steps = [
        {"fill_missing": {"columns": ["x"], "strategy": "mean"}},
        {"deduplicate": {}},
        {"scale_numbers": {"columns": ["x"], "method": "robust"}},
    ]
    found, told = clean(tmp_path, {"x": ("float", [])}, steps)
    assert (found, told["row_count"], told["removed"]) == ({"x": []}, 0, [])


def test_a_step_that_does_not_fit_is_named(tmp_path):
    with pytest.raises(InvalidArgument) as raised:
        one(tmp_path, "string", ["a"], {"scale_numbers": {"columns": ["x"], "method": "log"}})
    assert [violation.field for violation in raised.value.violations] == ["steps[0].scale_numbers.columns[0]"]


MAGNITUDES = st.floats(-1e150, 1e150).filter(lambda value: value == 0 or abs(value) > 1e-100)
"""Numbers whose squares are numbers."""


@settings(deadline=None, max_examples=60)
@given(st.lists(MAGNITUDES, min_size=1))
def test_moments_are_exact_in_every_order(values):
    fit = Fit("x", "moments", "v")

    def moments(order):
        with connect(128 * 2**20, "") as connection:
            connection.register("given", pa.table({"v": pa.array(order, pa.float64())}))
            connection.execute(f"create temp view data as select {figures.expression(fit)} v from given")
            return figures.evaluate(fit, lambda query: connection.execute(query).fetchall())

    found = moments(values)
    assert found == moments(values[::-1])
    largest = max(map(abs, values))
    assert found["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-14, abs=largest * 2e-16)
    if len(values) > 1:
        centre = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
        assert found["standard_deviation"] == pytest.approx(spread, rel=1e-6, abs=largest * 1e-9)


def test_an_engine_keeps_what_it_was_given(tmp_path):
    pq.write_table(pa.table({"x": [3, 1, 2]}), tmp_path / "in.parquet")
    with DuckEngine(str(tmp_path / "in.parquet"), [{"name": "x", "type": "integer"}], 2**27, str(tmp_path)) as engine:
        assert engine.count("c0 > 1", []) == (2, 1)
        assert engine.values("c0 * 2")("select sum(v) from data") == [(12,)]
