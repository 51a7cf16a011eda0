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

RESAMPLES, FEWEST_RESAMPLES = 1000, 200
_MOST_NUMBERS = 200_000_000
"""Rows times classes times resamples, above which fewer resamples are drawn: intervals of many rows need fewer."""
_CHUNK_NUMBERS = 250_000
_FEW_GROUPS = 4
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)

Weighted = Callable[[np.ndarray], np.ndarray]
"""Of weights (b, n): values (b,), NaN where the weighted rows do not define the metric."""
Metric = Callable[[np.ndarray, np.ndarray], Weighted]
"""Of truth (n,) and output (probabilities (n, k) or numbers (n,)): does once what does not depend on weights."""


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
    return {name: float(weighted(weights)[0]) for name, weighted in prepare(task, truth, output).items()}


def prepare(task: str, truth: np.ndarray, output: np.ndarray) -> dict[str, Weighted]:
    """Every metric of the task by name, ready for weights."""
    metrics = _CLASSIFICATION if task == CLASSIFICATION else _REGRESSION
    return {name: metric(truth, output) for name, metric in metrics.items()}


def bootstrap(task: str, truth: np.ndarray, output: np.ndarray, seed: int) -> list[Figure]:
    """Hold-out figures; intervals are the 2.5 % and 97.5 % quantiles over resamples of the rows.

    There are 1,000 resamples, down to 200 where rows and classes are many.
    """
    values, prepared = evaluate(task, truth, output), prepare(task, truth, output)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in values}
    random = np.random.default_rng([seed, 1])
    rows = len(truth)
    resamples = max(FEWEST_RESAMPLES, min(RESAMPLES, _MOST_NUMBERS // output.size))
    chunk = max(1, min(resamples, _CHUNK_NUMBERS // rows))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = random.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        weights = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
        for name, weighted in prepared.items():
            samples[name].append(weighted(weights))
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


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    result: np.ndarray = weights @ values / weights.sum(axis=1)
    return result


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The quotient, NaN where ``below`` is 0."""
    result: np.ndarray = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return result


def _accuracy(truth: np.ndarray, output: np.ndarray) -> Weighted:
    right = (output.argmax(axis=1) == truth).astype(np.float64)
    return lambda weights: _mean(right, weights)


def _grouped(groups: np.ndarray, count: int) -> Weighted:
    """Adds weights up by group 0 … ``count`` - 1; (b, count)."""
    if count <= _FEW_GROUPS:
        indicator = (groups[:, None] == np.arange(count)).astype(np.float64)
        return lambda weights: weights @ indicator
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(groups[order]) != 0]))[: len(groups)]
    present = groups[order][starts]

    def add_up(weights: np.ndarray) -> np.ndarray:
        result = np.zeros((len(weights), count))
        if len(present):
            result[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
        return result

    return add_up


def _by_class(
    truth: np.ndarray, output: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights of correct, of true and of predicted rows of each class; three of (b, k)."""
    predicted, classes = output.argmax(axis=1), output.shape[1]
    right = predicted == truth
    of_right, of_true, of_predicted = (
        _grouped(truth[right], classes),
        _grouped(truth, classes),
        _grouped(predicted, classes),
    )
    return lambda weights: (of_right(weights[:, right]), of_true(weights), of_predicted(weights))


def _balanced_accuracy(truth: np.ndarray, output: np.ndarray) -> Weighted:
    """Mean recall of the classes that occur."""
    by_class = _by_class(truth, output)

    def weighted(weights: np.ndarray) -> np.ndarray:
        correct, true, _ = by_class(weights)
        recall = _divided(correct, true)
        result: np.ndarray = np.where(np.isnan(recall), 0, recall).sum(axis=1) / (~np.isnan(recall)).sum(axis=1)
        return result

    return weighted


def _f1(truth: np.ndarray, output: np.ndarray) -> Weighted:
    """Of two classes, that of the second; of more, the mean weighted by how often each occurs."""
    by_class = _by_class(truth, output)

    def weighted(weights: np.ndarray) -> np.ndarray:
        correct, true, predicted = by_class(weights)
        f1 = _divided(2 * correct, true + predicted)
        f1 = np.where(np.isnan(f1), 0, f1)
        result: np.ndarray = f1[:, 1] if output.shape[1] == 2 else (f1 * true).sum(axis=1) / true.sum(axis=1)
        return result

    return weighted


def _roc_auc(truth: np.ndarray, output: np.ndarray) -> Weighted:
    """Of two classes, the usual one; of more, one against the rest, weighted by how often each class occurs.

    NaN where a class does not occur.
    """
    if output.shape[1] == 2:
        return _binary_auc(truth == 1, output[:, 1])
    classes = range(output.shape[1])
    curves = [_binary_auc(truth == position, output[:, position]) for position in classes]
    of_true = _grouped(truth, output.shape[1])

    def weighted(weights: np.ndarray) -> np.ndarray:
        values = np.column_stack([curve(weights) for curve in curves])
        result: np.ndarray = (values * of_true(weights)).sum(axis=1) / weights.sum(axis=1)
        return result

    return weighted


def _binary_auc(positive: np.ndarray, score: np.ndarray) -> Weighted:
    """The share of pairs that are in order, ties counting half: trapezoids under the curve, added up by score."""
    order = np.argsort(score, kind="stable")
    ends = np.flatnonzero(np.concatenate([np.diff(score[order]) != 0, [True]]))
    of_positive = positive[order].astype(np.float64)

    def weighted(weights: np.ndarray) -> np.ndarray:
        ordered = weights[:, order]
        both = np.cumsum(ordered, axis=1)[:, ends]
        above = np.cumsum(ordered * of_positive, axis=1)[:, ends]
        below = both - above
        rises = np.diff(above, axis=1, prepend=0)
        middles = below - np.diff(below, axis=1, prepend=0) / 2
        return _divided(np.einsum("bg,bg->b", rises, middles), above[:, -1] * below[:, -1])

    return weighted


def _log_loss(truth: np.ndarray, output: np.ndarray) -> Weighted:
    losses = -np.log(np.clip(output[np.arange(len(truth)), truth], _LEAST_PROBABILITY, 1.0))
    return lambda weights: _mean(losses, weights)


def _brier(truth: np.ndarray, output: np.ndarray) -> Weighted:
    """Of two classes, the mean squared error of the second's probability; of more, its sum over classes."""
    if output.shape[1] == 2:
        errors = (output[:, 1] - (truth == 1)) ** 2
    else:
        errors = ((output - (truth[:, None] == np.arange(output.shape[1]))) ** 2).sum(axis=1)
    return lambda weights: _mean(errors, weights)


def _r2(truth: np.ndarray, output: np.ndarray) -> Weighted:
    # Around the plain mean first, so that the sums below keep their digits for targets far from zero.
    centred, errors = truth - truth.mean(), (truth - output) ** 2

    def weighted(weights: np.ndarray) -> np.ndarray:
        spread = _mean(centred**2, weights) - _mean(centred, weights) ** 2
        return 1 - _divided(_mean(errors, weights), np.maximum(spread, 0))

    return weighted


def _rmse(truth: np.ndarray, output: np.ndarray) -> Weighted:
    errors = (truth - output) ** 2

    def weighted(weights: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.sqrt(_mean(errors, weights))
        return result

    return weighted


def _mae(truth: np.ndarray, output: np.ndarray) -> Weighted:
    errors = np.abs(truth - output)
    return lambda weights: _mean(errors, weights)


_CLASSIFICATION: dict[str, Metric] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "f1": _f1,
    "log_loss": _log_loss,
    "brier": _brier,
}
_REGRESSION: dict[str, Metric] = {"r2": _r2, "rmse": _rmse, "mae": _mae}
