"""Metrics of classifiers and regressors, with a weight a row, many weightings at once; and their 95 % intervals.

Weights make the bootstrap fast: a resample is the number of times that each row was drawn.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from raia_ml.runs.parameters import CLASSIFICATION

RESAMPLES = 1000
_CHUNK_NUMBERS = 4_000_000
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)

Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of the truth (n,), the output — probabilities (n, k) or numbers (n,) — and weights (b, n): values (b,), NaN where the
weighted rows do not define it."""


@dataclass(frozen=True)
class Figure:
    """One metric with its 95 % interval; ``lower`` and ``upper`` are NaN where there is none."""

    name: str
    scope: str
    value: float
    lower: float
    upper: float
    count: int

    def to_json(self) -> dict[str, Any]:
        """JSON values; None for what is not defined."""
        plain = {name: None if math.isnan(value) else value for name, value in self._numbers().items()}
        return {"name": self.name, "scope": self.scope, "count": self.count, **plain}

    def _numbers(self) -> dict[str, float]:
        return {"value": float(self.value), "lower": float(self.lower), "upper": float(self.upper)}


def evaluate(task: str, truth: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """Every metric of the task by name; NaN where the rows do not define it (ROC AUC of one class)."""
    weights = np.ones((1, len(truth)))
    return {name: float(metric(truth, output, weights)[0]) for name, metric in _metrics(task).items()}


def bootstrap(task: str, truth: np.ndarray, output: np.ndarray, seed: int) -> list[Figure]:
    """Hold-out figures; intervals are the 2.5 % and 97.5 % quantiles over resamples of the rows."""
    values = evaluate(task, truth, output)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in values}
    random = np.random.default_rng([seed, 1])
    rows = len(truth)
    chunk = max(1, min(RESAMPLES, _CHUNK_NUMBERS // rows))
    for start in range(0, RESAMPLES, chunk):
        size = min(chunk, RESAMPLES - start)
        drawn = random.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        weights = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
        for name, metric in _metrics(task).items():
            samples[name].append(metric(truth, output, weights))
    figures = []
    for name, value in values.items():
        found = np.concatenate(samples[name])
        found = found[np.isfinite(found)]
        lower, upper = np.quantile(found, [0.025, 0.975]) if len(found) and not math.isnan(value) else (math.nan,) * 2
        figures.append(Figure(name, "holdout", value, float(lower), float(upper), rows))
    return figures


def over_folds(folds: Sequence[dict[str, float]]) -> list[Figure]:
    """Cross-validated figures: means over folds; intervals by Student's t, as if folds were independent."""
    figures = []
    for name in folds[0] if folds else ():
        values = np.asarray([fold[name] for fold in folds])
        values = values[np.isfinite(values)]
        count = len(values)
        if not count:
            figures.append(Figure(name, "cross_validation", math.nan, math.nan, math.nan, 0))
            continue
        mean, half = float(values.mean()), math.nan
        if count > 1:
            half = float(stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / math.sqrt(count))
        figures.append(Figure(name, "cross_validation", mean, mean - half, mean + half, count))
    return figures


def _metrics(task: str) -> dict[str, Metric]:
    return _CLASSIFICATION if task == CLASSIFICATION else _REGRESSION


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    result: np.ndarray = weights @ values / weights.sum(axis=1)
    return result


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The quotient, NaN where ``below`` is 0."""
    result: np.ndarray = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return result


def _accuracy(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _mean((output.argmax(axis=1) == truth).astype(np.float64), weights)


def _by_class(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of correct, of true and of predicted rows of each class; three of (b, k)."""
    predicted, classes = output.argmax(axis=1), np.arange(output.shape[1])
    true_of = (truth[:, None] == classes).astype(np.float64)
    predicted_of = (predicted[:, None] == classes).astype(np.float64)
    return weights @ (true_of * predicted_of), weights @ true_of, weights @ predicted_of


def _balanced_accuracy(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean recall of the classes that occur."""
    correct, true, _ = _by_class(truth, output, weights)
    recall = _divided(correct, true)
    result: np.ndarray = np.where(np.isnan(recall), 0, recall).sum(axis=1) / (~np.isnan(recall)).sum(axis=1)
    return result


def _f1(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of two classes, that of the second; of more, the mean weighted by how often each occurs."""
    correct, true, predicted = _by_class(truth, output, weights)
    f1 = _divided(2 * correct, true + predicted)
    f1 = np.where(np.isnan(f1), 0, f1)
    if output.shape[1] == 2:
        second: np.ndarray = f1[:, 1]
        return second
    weighted: np.ndarray = (f1 * true).sum(axis=1) / true.sum(axis=1)
    return weighted


def _roc_auc(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of two classes, the usual one; of more, one against the rest, weighted by how often each class occurs.

    NaN where a class does not occur.
    """
    if output.shape[1] == 2:
        return _binary_auc(truth == 1, output[:, 1], weights)
    total = np.zeros(len(weights))
    for position in range(output.shape[1]):
        of_class = truth == position
        total += _binary_auc(of_class, output[:, position], weights) * (weights @ of_class)
    result: np.ndarray = total / weights.sum(axis=1)
    return result


def _binary_auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) != 0]))
    ordered, of_positive = weights[:, order], positive[order]
    above = np.add.reduceat(ordered * of_positive, starts, axis=1)
    below = np.add.reduceat(ordered * ~of_positive, starts, axis=1)
    before = np.cumsum(below, axis=1) - below
    pairs = (above * (before + below / 2)).sum(axis=1)
    return _divided(pairs, above.sum(axis=1) * below.sum(axis=1))


def _log_loss(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    of_truth = output[np.arange(len(truth)), truth]
    return _mean(-np.log(np.clip(of_truth, _LEAST_PROBABILITY, 1.0)), weights)


def _brier(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of two classes, the mean squared error of the second's probability; of more, its sum over classes."""
    if output.shape[1] == 2:
        return _mean((output[:, 1] - (truth == 1)) ** 2, weights)
    wanted = truth[:, None] == np.arange(output.shape[1])
    return _mean(((output - wanted) ** 2).sum(axis=1), weights)


def _r2(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # Around the plain mean first, so that the sums below keep their digits for targets far from zero.
    centred = truth - truth.mean()
    mean = _mean(centred, weights)
    spread = _mean(centred**2, weights) - mean**2
    return 1 - _divided(_mean((truth - output) ** 2, weights), np.maximum(spread, 0))


def _rmse(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.sqrt(_mean((truth - output) ** 2, weights))
    return result


def _mae(truth: np.ndarray, output: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _mean(np.abs(truth - output), weights)


_CLASSIFICATION: dict[str, Metric] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "f1": _f1,
    "log_loss": _log_loss,
    "brier": _brier,
}
_REGRESSION: dict[str, Metric] = {"r2": _r2, "rmse": _rmse, "mae": _mae}
