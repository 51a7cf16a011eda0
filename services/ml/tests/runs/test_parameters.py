"""Parameters of algorithms are checked by name, type and range."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from raia_ml.errors import ParameterInvalid, Unsuitable
from raia_ml.runs.parameters import TRAINABLE, complete, task_of
from raia_scoring.estimators import ALGORITHMS

pytestmark = pytest.mark.fast


def test_what_can_be_trained_can_be_scored():
    assert {name: each.tasks for name, each in TRAINABLE.items()} == {
        name: each.kinds for name, each in ALGORITHMS.items()
    }


@pytest.mark.parametrize("algorithm", TRAINABLE)
def test_defaults_are_values_of_their_own_range(algorithm):
    for task in TRAINABLE[algorithm].tasks:
        defaults = complete(algorithm, task, {})
        assert complete(algorithm, task, defaults) == defaults


@pytest.mark.parametrize(
    ("algorithm", "given_", "words"),
    [
        ("lightgbm", {"max_depht": 3}, "did you mean max_depth"),
        ("lightgbm", {"zzz": 3}, "has no parameter 'zzz'"),
        ("lightgbm", {"max_depth": 0}, "a whole number from 1 to 100, or null"),
        ("lightgbm", {"max_depth": 2.5}, "a whole number"),
        ("lightgbm", {"max_depth": "3"}, "a whole number"),
        ("lightgbm", {"max_depth": True}, "a whole number"),
        ("lightgbm", {"learning_rate": 0}, "a number above 0"),
        ("lightgbm", {"learning_rate": math.nan}, "a number"),
        ("lightgbm", {"learning_rate": math.inf}, "a number"),
        ("lightgbm", {"num_leaves": None}, "a whole number"),
        ("ridge", {"fit_intercept": 1}, "true or false"),
        ("random_forest", {"max_features": "cube"}, '"sqrt" or "log2"'),
    ],
)
def test_wrong_ones_are_refused_with_what_is_right(algorithm, given_, words):
    with pytest.raises(ParameterInvalid) as caught:
        complete(algorithm, TRAINABLE[algorithm].tasks[0], given_)
    assert words in caught.value.message
    assert caught.value.reason == "PARAMETER_INVALID"
    assert caught.value.metadata["parameter"] == next(iter(given_))


def test_numbers_of_json_become_whole_numbers():
    assert complete("lightgbm", "classification", {"max_depth": 3.0})["max_depth"] == 3
    assert isinstance(complete("lightgbm", "classification", {"max_depth": 3.0})["max_depth"], int)
    assert complete("lightgbm", "classification", {"max_depth": None})["max_depth"] is None


def test_what_only_classifiers_have_is_refused_for_regressors():
    assert complete("random_forest", "", {"class_weight": "balanced"})["class_weight"] == "balanced"
    with pytest.raises(ParameterInvalid):
        complete("random_forest", "regression", {"class_weight": "balanced"})


def test_tasks():
    assert task_of("ridge", "") == "regression"
    assert task_of("logistic_regression", "") == "classification"
    assert task_of("lightgbm", "") == ""
    assert task_of("lightgbm", "regression") == "regression"
    with pytest.raises(Unsuitable, match="logistic_regression, random_forest"):
        task_of("ridge", "classification")


@settings(deadline=None)
@given(
    some.sampled_from(sorted(TRAINABLE)),
    some.dictionaries(
        some.sampled_from(sorted({name for each in TRAINABLE.values() for name in each.parameters})),
        some.none() | some.booleans() | some.floats() | some.integers() | some.text(),
        max_size=3,
    ),
)
def test_whatever_is_accepted_is_accepted_again(algorithm, given_):
    try:
        found = complete(algorithm, TRAINABLE[algorithm].tasks[0], given_)
    except ParameterInvalid:
        return
    assert complete(algorithm, TRAINABLE[algorithm].tasks[0], found) == found
