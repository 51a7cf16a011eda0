"""Outliers of time series: seasons that were put in are found, and so are points that were moved."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from raia_ingest.workers.seasonal import decompose, find_period, seasonal_outliers
from raia_ingest.workers.tables import create_view, opened

from .test_associations import columns_of
from .test_profile import profile

pytestmark = pytest.mark.fast


def series(folder: Path, moments: list[dt.datetime], values: list[float]) -> list[dict[str, Any]]:
    table = pa.table({"moment": pa.array(moments, pa.timestamp("us")), "value": values})
    profiles = profile(folder, table)["columns"]
    with opened(256 * 1024**2, str(folder / "spill")) as connection:
        create_view(connection, "data", folder / "canonical.parquet", columns_of(table))
        return seasonal_outliers(connection, profiles)


def hours(count: int) -> list[dt.datetime]:
    return [dt.datetime(2024, 1, 1) + dt.timedelta(hours=n) for n in range(count)]


@pytest.mark.parametrize("period", [7, 12, 24, 96])
def test_the_season_that_was_put_in_is_found(period: int) -> None:
    generator = np.random.default_rng(period)
    places = np.arange(20 * period)
    values = 0.05 * places + 10 * np.sin(2 * np.pi * places / period) + generator.normal(0, 1, len(places))
    assert find_period(values) == period
    trend, season = decompose(values, period)
    assert np.std(values - trend - season) < 2


def test_noise_has_no_season() -> None:
    assert find_period(np.random.default_rng(1).normal(size=1000)) == 0


def test_points_that_leave_the_season_are_outliers_though_their_values_are_common(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    places = np.arange(24 * 30)
    values = 100 + 20 * np.sin(2 * np.pi * places / 24) + generator.normal(0, 1, len(places))
    values[300] = 100 - 20 * np.sin(2 * np.pi * 300 / 24) - 15  # an afternoon's value at night
    (found,) = series(tmp_path, hours(len(places)), values.tolist())
    assert (found["period"], found["step_seconds"], found["point_count"]) == (24, 3600.0, 720)
    assert found["seasonal_strength"] > 0.9
    assert found["farthest"][0]["time"] == (dt.datetime(2024, 1, 1) + dt.timedelta(hours=300)).isoformat()
    assert found["outlier_count"] <= 5
    assert len(found["drawn"]["time"]) == len(found["drawn"]["expected"]) == 720


def test_transactions_are_brought_to_a_round_step(tmp_path: Path) -> None:
    generator = np.random.default_rng(8)
    seconds = np.sort(generator.integers(0, 60 * 86_400, 5000))
    moments = [dt.datetime(2024, 1, 1) + dt.timedelta(seconds=int(second)) for second in seconds]
    (found,) = series(tmp_path, moments, generator.normal(50, 5, 5000).round(3).tolist())
    assert found["step_seconds"] in (900.0, 3600.0)
    assert found["point_count"] <= 60 * 96


def test_gaps_are_no_outliers(tmp_path: Path) -> None:
    places = [n for n in range(500) if not 200 <= n < 240]
    values = [float(n % 10) + n / 100 for n in places]
    (found,) = series(tmp_path, [hours(500)[n] for n in places], values)
    assert found["point_count"] == 460
    assert None in found["drawn"]["value"]


def test_few_points_are_no_series(tmp_path: Path) -> None:
    assert series(tmp_path, hours(10), [float(n) for n in range(10)]) == []
    assert series(tmp_path, hours(50), [5.0] * 50) == []
