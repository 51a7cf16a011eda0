"""Metrics equal scikit-learn's, and intervals those worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from raia_ml.workers import metrics
from scipy import stats
from sklearn import metrics as reference

CLASSIFICATION, REGRESSION = "classification", "regression"


def sample(classes, rows, seed, *, ties=False):
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    output = random.dirichlet(np.ones(classes), rows)
    if ties:
        output = np.round(output * 4) + 0.25
        output /= output.sum(axis=1, keepdims=True)
    return truth, output, random.integers(0, 4, rows).astype(float) + (np.arange(rows) < classes)


def sklearn_values(truth, output, weights):
    classes = output.shape[1]
    labels = list(range(classes))
    predicted = output.argmax(axis=1)
    two = classes == 2
    score = output[:, 1] if two else output
    wanted = np.eye(classes)[truth]
    brier = (output[:, 1] - (truth == 1)) ** 2 if two else ((output - wanted) ** 2).sum(axis=1)
    return {
        "accuracy": reference.accuracy_score(truth, predicted, sample_weight=weights),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, predicted, sample_weight=weights),
        "roc_auc": reference.roc_auc_score(
            truth, score, sample_weight=weights, multi_class="ovr", average="macro" if two else "weighted"
        ),
        "f1": reference.f1_score(
            truth, predicted, sample_weight=weights, average="binary" if two else "weighted", zero_division=0
        ),
        "log_loss": reference.log_loss(truth, output, sample_weight=weights, labels=labels),
        "brier": np.average(brier, weights=weights),
    }


@settings(deadline=None, max_examples=60)
@given(classes=some.integers(2, 4), rows=some.integers(8, 60), seed=some.integers(0, 10**6), ties=some.booleans())
def test_classifiers_are_measured_as_by_scikit_learn(classes, rows, seed, ties):
    truth, output, weights = sample(classes, rows, seed, ties=ties)
    expected = sklearn_values(truth, output, np.ones(rows))
    assert metrics.evaluate(CLASSIFICATION, truth, output) == pytest.approx(expected, abs=1e-12)
    weighted = {
        name: float(of(weights[None])[0]) for name, of in metrics.prepare(CLASSIFICATION, truth, output).items()
    }
    assert weighted == pytest.approx(sklearn_values(truth, output, weights), abs=1e-12)


@settings(deadline=None)
@given(rows=some.integers(3, 60), seed=some.integers(0, 10**6), shift=some.sampled_from([0.0, 1e6]))
def test_regressors_are_measured_as_by_scikit_learn(rows, seed, shift):
    random = np.random.default_rng(seed)
    truth = random.normal(shift, 3, rows)
    output = truth + random.normal(0, 1, rows)
    weights = random.integers(0, 3, rows) + (np.arange(rows) < 2).astype(float)
    for weight in (np.ones(rows), weights):
        found = {name: float(of(weight[None])[0]) for name, of in metrics.prepare(REGRESSION, truth, output).items()}
        assert found == pytest.approx(
            {
                "r2": reference.r2_score(truth, output, sample_weight=weight),
                "rmse": reference.root_mean_squared_error(truth, output, sample_weight=weight),
                "mae": reference.mean_absolute_error(truth, output, sample_weight=weight),
            },
            rel=1e-6,
            abs=1e-9,
        )


def test_by_hand():
    truth = np.asarray([0, 0, 1, 1, 1])
    second = np.asarray([0.1, 0.6, 0.4, 0.6, 0.9])
    output = np.column_stack([1 - second, second])
    found = metrics.evaluate(CLASSIFICATION, truth, output)
    # right: rows 0, 3, 4; recalls 1/2 and 2/3; pairs won: 0.4>0.1, 0.6>0.1, 0.6=0.6 (half), 0.9>both → 4.5 of 6
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["roc_auc"] == pytest.approx(4.5 / 6)
    assert found["f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert found["log_loss"] == pytest.approx(-sum(map(math.log, [0.9, 0.4, 0.4, 0.6, 0.9])) / 5)
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.16 + 0.01) / 5)


def test_roc_auc_of_one_class_is_not_defined():
    output = np.asarray([[0.4, 0.6], [0.7, 0.3]])
    assert math.isnan(metrics.evaluate(CLASSIFICATION, np.asarray([1, 1]), output)["roc_auc"])
    figures = metrics.bootstrap(CLASSIFICATION, np.asarray([1, 1]), output, 0)
    auc = next(figure for figure in figures if figure.name == "roc_auc")
    assert auc.to_json() == {
        "name": "roc_auc", "scope": "holdout", "count": 2, "value": None, "lower": None, "upper": None,
    }  # fmt: skip


def test_bootstrap_intervals_are_those_of_drawn_rows():
    """The same draws, made row by row and measured by scikit-learn."""
    truth, output, _ = sample(2, 40, 3)
    random = np.random.default_rng([11, 1])
    drawn = random.integers(0, 40, (metrics.RESAMPLES, 40))
    accuracy = [(output[rows].argmax(axis=1) == truth[rows]).mean() for rows in drawn]
    loss = [reference.log_loss(truth[rows], output[rows], labels=[0, 1]) for rows in drawn]
    figures = {figure.name: figure for figure in metrics.bootstrap(CLASSIFICATION, truth, output, 11)}
    for name, values in (("accuracy", accuracy), ("log_loss", loss)):
        assert (figures[name].lower, figures[name].upper) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
        assert figures[name].lower <= figures[name].value <= figures[name].upper


def test_bootstrap_covers_as_it_says():
    """Of intervals for a coin's accuracy, about 95 % hold the truth."""
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        truth = (random.random(150) < 0.7).astype(int)
        output = np.tile([0.2, 0.8], (150, 1))
        figure = metrics.bootstrap(CLASSIFICATION, truth, output, seed)[0]
        held += figure.lower <= 0.7 <= figure.upper
    assert 180 <= held <= 200


def test_intervals_over_folds_are_student_s():
    values = [0.7, 0.75, 0.8, 0.72, 0.78]
    figure = metrics.over_folds([{"accuracy": value} for value in values])[0]
    mean = np.mean(values)
    low, high = stats.t.interval(0.95, 4, loc=mean, scale=stats.sem(values))
    assert (figure.value, figure.lower, figure.upper, figure.count) == pytest.approx((mean, low, high, 5))
    assert metrics.over_folds([]) == []


def test_folds_without_a_value_are_left_out():
    folds = [{"roc_auc": math.nan}, {"roc_auc": 0.5}, {"roc_auc": 0.7}]
    figure = metrics.over_folds(folds)[0]
    assert (figure.value, figure.count) == (pytest.approx(0.6), 2)
    alone = metrics.over_folds([{"roc_auc": math.nan}, {"roc_auc": 0.5}])[0]
    assert (alone.value, alone.count) == (0.5, 1)
    assert math.isnan(alone.lower)
    assert metrics.over_folds([{"roc_auc": math.nan}])[0].count == 0


def test_chunks_of_resamples_change_nothing(monkeypatch):
    truth, output, _ = sample(3, 30, 5)
    whole = metrics.bootstrap(CLASSIFICATION, truth, output, 1)
    monkeypatch.setattr(metrics, "_CHUNK_NUMBERS", 30 * 7)
    pieces = metrics.bootstrap(CLASSIFICATION, truth, output, 1)
    for figure, other in zip(pieces, whole, strict=True):
        assert (figure.value, figure.lower, figure.upper) == pytest.approx((other.value, other.lower, other.upper))
