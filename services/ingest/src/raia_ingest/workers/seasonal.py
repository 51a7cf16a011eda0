# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Points of time series that stand apart from trend and season."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from raia_ingest.workers.associations import measured
from raia_ingest.workers.tables import row, seconds

MOST_POINTS = 20_000
MOST_SERIES = 10
THRESHOLD = 3.5
_FEWEST = 24
_STEPS = (1, 60, 300, 900, 3600, 86_400, 604_800)
"""Steps that series are brought to, in seconds."""
_NATURAL = (7, 12, 24, 48, 52, 60, 96, 144, 168, 288, 365)
_LEAST_CORRELATION = 0.3
_SHOWN = 20
_DRAWN = 1000
_NORMAL = 0.6745

Series = npt.NDArray[np.float64]


def seasonal_outliers(
    connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The series of the view ``data`` by its first column of time; each with what is to be drawn under ``drawn``."""
    times = [place for place, profile in enumerate(profiles) if profile["type"] in ("date", "datetime")]
    if not times:
        return []
    values = [place for place, profile in enumerate(profiles) if measured(profile)][:MOST_SERIES]
    return [found for place in values for found in _series(connection, profiles, times[0], place)]


def _series(
    connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]], time: int, value: int
) -> Iterator[dict[str, Any]]:
    moment = seconds(profiles[time]["type"], f"c{time}")
    # Infinite numbers have no mean.
    points = (
        f"(select {moment} t, c{value}::double v from data where c{time} is not null and isfinite(c{value}::double))"
    )
    step = _step(connection, points)
    if step is None:
        return
    rows = connection.execute(f"select floor(t / {step}) k, avg(v) from {points} group by 1 order by 1").fetchnumpy()
    keys = np.asarray(rows["k"], dtype=np.float64).astype(np.int64)
    means = np.asarray(next(found for name, found in rows.items() if name != "k"), dtype=np.float64)
    length = int(keys[-1] - keys[0]) + 1
    if len(keys) < _FEWEST or np.ptp(means) == 0:
        return
    grid = np.full(length, np.nan)
    grid[keys - keys[0]] = means
    filled = np.interp(np.arange(length), keys - keys[0], means)
    yield _judged(profiles, (time, value), filled, grid, (float(keys[0]) * step, step))


def _step(connection: duckdb.DuckDBPyConnection, points: str) -> float | None:
    """The step of the series: the median one of its own when most are alike, else the finest round one that fits."""
    first, last, count = row(connection, f"select min(t), max(t), count(distinct t) from {points}")
    if count < _FEWEST or last <= first:
        return None
    if count <= MOST_POINTS:
        moments = np.asarray(
            connection.execute(f"select distinct t from {points} order by t").fetchnumpy()["t"], dtype=np.float64
        )
        steps = np.diff(moments)
        median = float(np.median(steps))
        alike = np.mean(np.abs(steps - median) <= 0.01 * median)
        if alike >= 0.7 and (last - first) / median <= MOST_POINTS * 2:
            return median
    for step in _STEPS:
        buckets = (last - first) / step + 1
        if buckets > MOST_POINTS:
            continue
        if buckets < _FEWEST:
            return None
        (filled,) = row(connection, f"select count(distinct floor(t / {step})) from {points}")
        if filled >= max(_FEWEST, 0.5 * buckets):
            return float(step)
    return None


def _judged(
    profiles: Sequence[Mapping[str, Any]],
    places: tuple[int, int],
    filled: Series,
    grid: Series,
    clock: tuple[float, float],
) -> dict[str, Any]:
    start, step = clock
    period = find_period(filled)
    trend, season = decompose(filled, period)
    remainder = filled - trend - season
    scale = _scale(remainder)
    scores = remainder / scale if scale > 0 else np.zeros_like(remainder)
    scores = np.where(np.isnan(grid), 0.0, scores)
    far = np.flatnonzero(np.abs(scores) > THRESHOLD)
    shown = far[np.argsort(-np.abs(scores[far]), kind="stable")][:_SHOWN]
    kind = profiles[places[0]]["type"]
    expected = trend + season
    drawn = slice(max(0, len(grid) - _DRAWN), len(grid))
    spread = float(np.var(season + remainder))
    return {
        "time_column": profiles[places[0]]["name"],
        "value_column": profiles[places[1]]["name"],
        "step_seconds": step,
        "period": period,
        "seasonal_strength": max(0.0, 1 - float(np.var(remainder)) / spread) if spread > 0 and period else 0.0,
        "point_count": int(np.isfinite(grid).sum()),
        "outlier_count": len(far),
        "farthest": [
            {
                "time": _shown(start + step * int(place), kind),
                "value": float(grid[place]),
                "expected": float(expected[place]),
                "score": float(scores[place]),
            }
            for place in shown
        ],
        "drawn": {
            "time": [_shown(start + step * place, kind) for place in range(drawn.start, drawn.stop)],
            "value": [None if np.isnan(value) else float(value) for value in grid[drawn]],
            "expected": expected[drawn].tolist(),
            "outliers": [int(place) - drawn.start for place in far if place >= drawn.start],
        },
    }


def find_period(values: Series) -> int:
    """Points after which the series repeats, by its autocorrelation without trend; 0 when it does not."""
    length = len(values)
    flat = values - _trend(values, max(3, length // 10))
    flat = np.clip(flat, *np.quantile(flat, [0.01, 0.99]))
    flat = flat - flat.mean()
    spectrum = np.fft.rfft(flat, 2 * length)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))[:length]
    if correlation[0] <= 0:
        return 0
    correlation = correlation / correlation[0] * length / np.arange(length, 0, -1)
    last = length // 3
    peaks = [
        lag
        for lag in range(2, last)
        if correlation[lag] >= correlation[lag - 1] and correlation[lag] > correlation[lag + 1]
    ]
    strong = [lag for lag in peaks if correlation[lag] >= _LEAST_CORRELATION]
    if not strong:
        return 0
    best = max(float(correlation[lag]) for lag in strong)
    near = [lag for lag in strong if correlation[lag] >= 0.9 * best]
    return next((lag for lag in near if lag in _NATURAL), near[0])


def decompose(values: Series, period: int) -> tuple[Series, Series]:
    """Trend and season, both by medians, which outliers do not move."""
    trend = _trend(values, max(period, 3) if period else max(3, len(values) // 20))
    season = np.zeros_like(values)
    if period:
        flat = values - trend
        phases = np.array([np.median(flat[phase::period]) for phase in range(period)])
        season = np.resize(phases - phases.mean(), len(values))
    return trend, season


def _trend(values: Series, window: int) -> Series:
    """Medians of consecutive windows, with straight lines between their middles."""
    starts = np.arange(0, max(1, len(values) - window + 1), window)
    middles = starts + (window - 1) / 2
    medians = [np.median(values[start : start + window]) for start in starts]
    return np.interp(np.arange(len(values)), middles, medians)


def _scale(remainder: Series) -> float:
    """The median absolute deviation as a standard deviation; the mean one when that is 0."""
    deviations = np.abs(remainder - np.median(remainder))
    median = float(np.median(deviations))
    return median / _NORMAL if median > 0 else float(deviations.mean()) / 0.7979


def _shown(moment: float, kind: str) -> str:
    found = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=moment)
    return found.date().isoformat() if kind == "date" else found.isoformat()
