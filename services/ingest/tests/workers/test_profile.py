"""Every figure of a profile against pandas, numpy and scipy."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_ingest.workers.profile import profile_file

from .conftest import ignore

_TYPES = {"int64": "integer", "double": "float", "string": "string", "bool": "boolean", "date32[day]": "date"}
PROBABILITIES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]


def profile(folder: Path, table: pa.Table) -> dict[str, Any]:
    path = folder / "canonical.parquet"
    pq.write_table(table, path)
    columns = [
        {"name": field.name, "type": _TYPES.get(str(field.type), "datetime" if "stamp" in str(field.type) else "time")}
        | ({"timezone": "UTC"} if "tz=" in str(field.type) else {})
        for field in table.schema
    ]
    return profile_file(str(path), columns, 256 * 1024**2, str(folder / "spill"), ignore)


def numbers(folder: Path, values: list[float | None], kind: pa.DataType | None = None) -> dict[str, Any]:
    found: dict[str, Any] = profile(folder, pa.table({"x": pa.array(values, kind or pa.float64())}))["columns"][0]
    return found


def close(found: float, expected: float, scale: float = 1.0) -> bool:
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, scale))


def check_numbers(found: dict[str, Any], values: list[float | None]) -> None:
    """All statistics of a numeric column against the references."""
    present = [value for value in values if value is not None and not math.isnan(value)]
    finite = np.array([value for value in present if math.isfinite(value)], dtype=np.float64)
    assert found["missing_count"] == len(values) - len(present)
    assert found["missing_fraction"] == pytest.approx(1 - len(present) / len(values) if values else 0)
    assert found["infinite_count"] == len(present) - len(finite)
    assert found["distinct_count"] == pd.Series(present, dtype=float).nunique()
    if len(finite) == 0:
        assert "numeric" not in found
        return
    numeric, scale = found["numeric"], float(np.abs(finite).max())
    assert (numeric["minimum"], numeric["maximum"]) == (finite.min(), finite.max())
    assert close(numeric["mean"], math.fsum(finite / len(finite)), scale)
    assert (numeric["zero_count"], numeric["negative_count"]) == (int((finite == 0).sum()), int((finite < 0).sum()))
    for quantile, expected in zip(numeric["quantiles"], np.quantile(finite, PROBABILITIES), strict=True):
        assert close(quantile["value"], expected, scale)
    if len(finite) >= 2:
        assert close(numeric["standard_deviation"], finite.std(ddof=1), scale)
    histogram = found["histogram"]
    assert sum(each["count"] for each in histogram) == len(finite)
    edges = [each["lower"] for each in histogram] + [histogram[-1]["upper"]]
    if edges[0] < edges[-1]:
        assert [each["count"] for each in histogram] == np.histogram(finite, edges)[0].tolist()


def test_a_column_of_many_values_agrees_with_the_references(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    drawn = generator.lognormal(3, 1.5, 20_000).round(3)
    values: list[float | None] = [None if n % 17 == 0 else float(value) for n, value in enumerate(drawn)]
    values += [float("inf"), float("-inf"), 0.0, -1.5]
    found = numbers(tmp_path, values)
    check_numbers(found, values)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    assert found["numeric"]["skewness"] == pytest.approx(scipy.stats.skew(finite, bias=False), rel=1e-9)
    counts = pd.Series(finite).value_counts()
    assert found["top_values"][0]["count"] == counts.iloc[0]


def test_far_from_zero_no_digit_is_lost(tmp_path: Path) -> None:
    values: list[float | None] = [1e9 + n % 7 for n in range(1000)]
    found = numbers(tmp_path, values)
    assert found["numeric"]["standard_deviation"] == pytest.approx(np.std(np.arange(1000) % 7, ddof=1), rel=1e-12)
    assert found["numeric"]["skewness"] == pytest.approx(scipy.stats.skew(np.arange(1000) % 7, bias=False), rel=1e-9)


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.inf, -math.inf, 0.0, 1.0])), max_size=40)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_any_column_of_numbers_agrees_with_the_references(tmp_path: Path, values: list[float | None]) -> None:
    check_numbers(numbers(tmp_path, values), values)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_any_column_of_integers_is_counted_exactly(tmp_path: Path, values: list[int | None]) -> None:
    found = profile(tmp_path, pa.table({"x": pa.array(values, pa.int64())}))["columns"][0]
    present = [value for value in values if value is not None]
    assert found["distinct_count"] == len(set(present))
    assert found["missing_count"] == len(values) - len(present)
    if present:
        assert sum(each["count"] for each in found["histogram"]) == len(present)


def test_the_largest_numbers_overflow_nothing(tmp_path: Path) -> None:
    found = numbers(tmp_path, [1.7e308, -1.7e308, 1.0, None])
    assert (found["numeric"]["minimum"], found["numeric"]["maximum"]) == (-1.7e308, 1.7e308)
    assert sum(each["count"] for each in found["histogram"]) == 3


def test_one_value_has_no_spread(tmp_path: Path) -> None:
    found = numbers(tmp_path, [5.0])
    assert "standard_deviation" not in found["numeric"]
    assert "skewness" not in numbers(tmp_path, [5.0, 5.0, 5.0])["numeric"]
    assert found["histogram"] == [{"lower": 5.0, "upper": 5.0, "count": 1}]


def test_top_values_are_twenty_with_ties_in_value_order(tmp_path: Path) -> None:
    found = numbers(tmp_path, [float(n % 30) for n in range(60)] + [29.0], None)
    top = found["top_values"]
    assert [each["value"] for each in top] == [29.0, *map(float, range(19))]
    assert [each["count"] for each in top] == [3] + [2] * 19


def test_text_is_measured_in_characters(tmp_path: Path) -> None:
    table = pa.table({"x": ["é", "abc", "  ", "", None, "NA", "12"]})
    found = profile(tmp_path, table)
    column = found["columns"][0]
    assert column["text"] == {"minimum_length": 0, "maximum_length": 3, "mean_length": 10 / 6, "blank_count": 2}
    assert (column["missing_count"], column["distinct_count"]) == (1, 6)
    assert [note["kind"] for note in found["notes"]] == ["null_like_text"]


def test_text_that_is_mostly_numbers_is_noted(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({"x": ["1", "2", "3", "n/k"]}))
    assert [note["kind"] for note in found["notes"]] == ["mixed_types"]


def test_dates_and_times_have_a_range_and_bins(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=n) for n in range(100)] + [None]
    moments = [dt.datetime(1960, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(hours=n) for n in range(100)] + [None]
    table = pa.table(
        {
            "day": pa.array(days),
            "moment": pa.array(moments, pa.timestamp("us", "UTC")),
            "clock": pa.array([dt.time(1), dt.time(23, 59, 59, 500000)] + [None] * 99, pa.time64("us")),
        }
    )
    day, moment, clock = profile(tmp_path, table)["columns"]
    assert day["temporal"] == {"minimum": "2020-01-01", "maximum": "2020-04-09"}
    assert moment["temporal"] == {"minimum": "1960-01-01T12:00:00Z", "maximum": "1960-01-05T15:00:00Z"}
    assert clock["temporal"] == {"minimum": "01:00:00", "maximum": "23:59:59.500000"}
    assert [each["count"] for each in day["histogram"]] == [5] * 20
    assert moment["histogram"][0]["lower"] == dt.datetime(1960, 1, 1, 12, tzinfo=dt.UTC).timestamp()
    assert sum(each["count"] for each in moment["histogram"]) == 100


def test_all_missing_and_no_rows(tmp_path: Path) -> None:
    table = pa.table({"x": pa.nulls(3, pa.float64()), "s": pa.nulls(3, pa.string())})
    for column in profile(tmp_path, table)["columns"]:
        assert (column["missing_count"], column["missing_fraction"], column["distinct_count"]) == (3, 1.0, 0)
        assert (column["top_values"], column["histogram"]) == ([], [])
    empty = profile(tmp_path, table.slice(0, 0))
    assert (empty["row_count"], empty["columns"][0]["missing_fraction"]) == (0, 0.0)


def test_booleans_are_counted(tmp_path: Path) -> None:
    column = profile(tmp_path, pa.table({"x": [True, False, True, None]}))["columns"][0]
    assert column["top_values"] == [{"value": True, "count": 2}, {"value": False, "count": 1}]


def test_duplicate_rows_are_counted_as_pandas_counts_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 1, None, None, 2, 1], "b": ["x", "x", "y", "y", "z", "q"]})
    found = profile(tmp_path, pa.table({"a": [1, 1, None, None, 2, 1], "b": ["x", "x", "y", "y", "z", "q"]}))
    assert found["duplicate_row_count"] == frame.duplicated().sum() == 2


def test_names_that_differ_in_case_alone_are_told_apart(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({"a": [1, 2], "A": [3.0, None], 'quo"te': ["x", "y"]}))
    assert [column["missing_count"] for column in found["columns"]] == [0, 1, 0]


def test_correlations_agree_with_pandas_pair_by_pair(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    base = generator.normal(1e6, 1, 5000)
    frame = pd.DataFrame(
        {
            "a": base,
            "b": base * 2 + generator.normal(0, 1, 5000),
            "c": generator.integers(0, 5, 5000).astype(float),
            "d": np.full(5000, 3.0),
        }
    )
    frame.loc[::7, "a"] = np.nan
    frame.loc[::11, "b"] = np.nan
    frame.loc[5, "c"] = np.inf
    found = profile(tmp_path, pa.Table.from_pandas(frame, preserve_index=False))["correlations"]
    reference = frame.replace(np.inf, np.nan)
    assert [(pair["left"], pair["right"]) for pair in found] == [
        ("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"),
    ]  # fmt: skip
    for pair in found:
        both = reference[[pair["left"], pair["right"]]].dropna()
        assert pair["count"] == len(both)
        if "d" in (pair["left"], pair["right"]):
            assert "coefficient" not in pair
        else:
            expected = scipy.stats.pearsonr(both.iloc[:, 0], both.iloc[:, 1])[0]
            assert pair["coefficient"] == pytest.approx(expected, abs=1e-9)


def test_correlations_stop_at_a_hundred_columns_and_say_so(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({f"x{n}": [1.0, 2.0, float(n)] for n in range(102)}))
    assert len(found["correlations"]) == 100 * 99 // 2
    assert "correlations_limited" in {note["kind"] for note in found["notes"]}


def test_infinite_values_are_counted_and_noted(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({"x": [1.0, math.inf, -math.inf]}))
    assert found["columns"][0]["infinite_count"] == 2
    assert [note["kind"] for note in found["notes"]] == ["infinite_values"]
    assert {"value": "Infinity", "count": 1} in found["columns"][0]["top_values"]
