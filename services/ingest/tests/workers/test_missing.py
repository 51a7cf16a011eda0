"""Missing patterns and robust outliers against pandas, numpy and scipy; spellings of one value."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .test_profile import numbers, profile

pytestmark = pytest.mark.fast


def test_patterns_and_pairs_agree_with_pandas(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    frame = pd.DataFrame({f"x{n}": generator.normal(size=3000) for n in range(60)})
    for n in range(0, 60, 3):
        frame.loc[generator.random(3000) < 0.02 * (n % 7 + 1), [f"x{n}", f"x{n + 1}"]] = np.nan
    found = profile(tmp_path, pa.Table.from_pandas(frame, preserve_index=False))
    lacking = frame.isna()
    names = np.array(frame.columns)
    expected = lacking.apply(lambda row: tuple(names[row.to_numpy()]), axis=1).value_counts()
    for pattern in found["missing_patterns"]:
        assert pattern["count"] == expected[tuple(pattern["columns"])]
    counts = [pattern["count"] for pattern in found["missing_patterns"]]
    assert counts == expected.iloc[:50].tolist()
    reference = lacking.astype(float).corr()
    for pair in found["missing_together"]:
        assert pair["coefficient"] == pytest.approx(reference.loc[pair["left"], pair["right"]], abs=1e-12)
        assert pair["count"] == (lacking[pair["left"]] & lacking[pair["right"]]).sum()
    assert {(f"x{n}", f"x{n + 1}") for n in range(0, 60, 3)} <= {
        (pair["left"], pair["right"]) for pair in found["missing_together"] if pair["coefficient"] > 0.999
    }


def test_nothing_missing_is_no_pattern(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({"a": [1, 2]}))
    assert (found["missing_patterns"], found["missing_together"]) == ([], [])


def test_beyond_a_hundred_columns_the_patterns_say_so(tmp_path: Path) -> None:
    found = profile(tmp_path, pa.table({f"x{n}": [1.0, None] for n in range(102)}))
    assert len(found["missing_patterns"][1]["columns"]) == 100
    assert "missing_limited" in {note["kind"] for note in found["notes"]}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_outliers_agree_with_scipy(tmp_path: Path, values: list[float]) -> None:
    found: dict[str, Any] = numbers(tmp_path, [*values])["outliers"]
    deviation = float(scipy.stats.median_abs_deviation(values))
    median = float(np.median(values))
    assert math.isclose(found["median"], median, rel_tol=1e-12, abs_tol=1e-9)
    assert math.isclose(found["median_absolute_deviation"], deviation, rel_tol=1e-9, abs_tol=1e-9)
    if found["median_absolute_deviation"] == 0:
        mean = float(np.mean(np.abs(np.array(values) - median)))
        assert math.isclose(found["mean_absolute_deviation"], mean, rel_tol=1e-9, abs_tol=1e-9)
    assert found["low_count"] == sum(value < found["lower"] for value in values)
    assert found["high_count"] == sum(value > found["upper"] for value in values)


def test_the_farthest_values_are_named(tmp_path: Path) -> None:
    values: list[float | None] = [float(n % 10) for n in range(100)] + [1000.0, 1000.0, -500.0]
    found = numbers(tmp_path, values)["outliers"]
    assert (found["low_count"], found["high_count"]) == (1, 2)
    assert found["farthest"] == [{"value": 1000.0, "count": 2}, {"value": -500.0, "count": 1}]
    scores = 0.6745 * (np.array(values) - found["median"]) / found["median_absolute_deviation"]
    assert (np.abs(scores) > 3.5).sum() == 3


def test_a_column_that_is_mostly_one_value_is_judged_by_the_mean_deviation(tmp_path: Path) -> None:
    found = numbers(tmp_path, [0.0] * 98 + [1.0, 500.0])["outliers"]
    assert (found["median_absolute_deviation"], found["high_count"]) == (0.0, 1)


def test_spellings_of_one_value_are_grouped(tmp_path: Path) -> None:
    values = ["New York", "new york", "York, New", "NEW-YORK", "Zürich", "Zurich", "<=50K", ">50K", "1.5 l", "5.1 l"]
    column = profile(tmp_path, pa.table({"x": [*values, "New York", "Oslo"]}))["columns"][0]
    groups = [[spelling["value"] for spelling in group["spellings"]] for group in column["variants"]]
    assert [sorted(group) for group in groups] == [
        ["NEW-YORK", "New York", "York, New", "new york"],
        ["Zurich", "Zürich"],
    ]
    assert (groups[0][0], column["variants"][0]["count"]) == ("New York", 5)


def test_wide_tables_keep_types_of_meaning_and_leave_out_the_rest(tmp_path: Path) -> None:
    table = pa.table(
        {f"column {n} with a name": [f"{n} {'long text ' * 60} {k}" for k in range(20)] for n in range(400)}
    )
    found = profile(tmp_path, table)
    assert "details_limited" in {note["kind"] for note in found["notes"]}
    assert all(column["semantics"]["type"] for column in found["columns"])
