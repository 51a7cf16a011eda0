"""Rows that stand apart in all numeric columns together: an isolation forest, grown on a sample, scores the rows."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from raia_ingest.workers.associations import measured
from raia_ingest.workers.column_profile import as_json

TREES, TREE_ROWS = 100, 256
ISOLATED = 0.6
MOST_COLUMNS = 50
MOST_SCORED = 1_000_000
_SAMPLE_ROWS = 20_000
_BATCH = 50_000
_SHOWN = 20

Matrix = npt.NDArray[np.float64]


def isolated_rows(
    path: Path, profiles: Sequence[Mapping[str, Any]], rows: int, progress: Callable[[float], None]
) -> dict[str, Any] | None:
    """The rows with the highest scores; None when there are too few rows or numeric columns.

    Of more than ``MOST_SCORED`` rows, every n-th is scored.
    """
    places = [place for place, profile in enumerate(profiles) if measured(profile)][:MOST_COLUMNS]
    if len(places) < 2 or rows < TREE_ROWS // 8:
        return None
    from sklearn.ensemble import IsolationForest  # takes a second to import, and memory

    medians = np.array([_median(profiles[place]) for place in places])
    step = -(-rows // MOST_SCORED)
    with pq.ParquetFile(path) as file:
        names = [file.schema_arrow.names[place] for place in places]
        forest = IsolationForest(n_estimators=TREES, max_samples=min(TREE_ROWS, rows), random_state=0)
        forest.fit(_sample(file, names, medians, rows))
        best: list[tuple[float, int, list[float]]] = []
        scored = isolated = 0
        for start, values in _batches(file, names, medians):
            chosen = np.arange((-start) % step, len(values), step)
            if not len(chosen):
                continue
            scores = -forest.score_samples(values[chosen])
            scored += len(chosen)
            isolated += int((scores >= ISOLATED).sum())
            for place in np.argsort(-scores, kind="stable")[:_SHOWN]:
                entry = (float(scores[place]), -int(start + chosen[place] + 1), values[chosen[place]].tolist())
                heapq.heappush(best, entry) if len(best) < _SHOWN else heapq.heappushpop(best, entry)
            progress((start + len(values)) / rows)
    return {
        "columns": [profiles[place]["name"] for place in places],
        "scored_count": scored,
        "isolated_count": isolated,
        "rows": [
            {
                "row": -position,
                "score": score,
                "values": {
                    profiles[place]["name"]: as_json(value) for place, value in zip(places, values, strict=True)
                },
            }
            for score, position, values in sorted(best, reverse=True)
        ],
    }


def _median(profile: Mapping[str, Any]) -> float:
    quantiles = profile["numeric"]["quantiles"]
    return float(next(each["value"] for each in quantiles if each["probability"] == 0.5))


def _sample(file: Any, names: list[str], medians: Matrix, rows: int) -> Matrix:
    step = max(1, rows // _SAMPLE_ROWS)
    return np.concatenate([values[(-start) % step :: step] for start, values in _batches(file, names, medians)])


def _batches(file: Any, names: list[str], medians: Matrix) -> Any:
    """The position of the first row and the values, of each batch; what is missing or infinite is the median."""
    start = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=names, use_threads=False):
        columns = [
            batch.column(name).cast("float64", safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
            for name in names
        ]
        values = np.column_stack(columns)
        yield start, np.where(np.isfinite(values) & (np.abs(values) < 3e38), values, medians)
        start += len(values)
