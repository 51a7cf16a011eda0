from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest
import shap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_explain.workers import tree_shap
from raia_explain.workers.attribution import LINEAR
from raia_explain.workers.forest import LEAF, Forest, NotReadable, Tree, read
from raia_explain.workers.tree_shap import TreeShap
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from ..models import CASES, fitted

pytestmark = pytest.mark.fast


@st.composite
def trees(draw, columns=4, deepest=5):
    """A tree over a few columns, which it may look at more than once on a path."""
    left, right, feature, threshold, cover, value = [], [], [], [], [], []

    def grow(depth, reach):
        node = len(left)
        left.append(LEAF), right.append(LEAF), feature.append(0), threshold.append(0.0)
        cover.append(reach), value.append(0.0)
        if depth == deepest or (depth and draw(st.booleans())):
            value[node] = draw(st.floats(-10, 10))
            return node
        feature[node] = draw(st.integers(0, columns - 1))
        threshold[node] = draw(st.integers(-2, 2))
        share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]))
        left[node] = grow(depth + 1, reach * share)
        right[node] = grow(depth + 1, reach * (1 - share))
        return node

    grow(0, 100.0)
    arrays = [np.array(part) for part in (left, right, feature, threshold, cover)]
    return Tree(*arrays, value=np.array(value)[:, None], outputs=(0,))


def answer(tree, row, known, node=0):
    """What the tree answers when only some columns are known: a split on another is left in both directions."""
    if tree.left[node] == LEAF:
        return tree.value[node, 0]
    left, right = int(tree.left[node]), int(tree.right[node])
    if tree.feature[node] in known:
        return answer(tree, row, known, left if row[tree.feature[node]] <= tree.threshold[node] else right)
    if tree.cover[node] == 0:
        return 0.0
    share = tree.cover[left] / tree.cover[node]
    return share * answer(tree, row, known, left) + (1 - share) * answer(tree, row, known, right)


def by_definition(tree, row, columns):
    found = np.zeros(columns)
    for column in range(columns):
        others = [each for each in range(columns) if each != column]
        for size in range(columns):
            weight = factorial(size) * factorial(columns - size - 1) / factorial(columns)
            for known in combinations(others, size):
                gain = answer(tree, row, {*known, column}) - answer(tree, row, set(known))
                found[column] += weight * gain
    return found


@pytest.fixture(params=["arrays", "compiled"])
def way(request, monkeypatch):
    """Both ways by which values are computed."""
    monkeypatch.setattr(tree_shap, "COMPILED_FROM", -1 if request.param == "compiled" else 10**18)
    return request.param


BOTH_WAYS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@BOTH_WAYS
@given(forest=st.lists(trees(), min_size=1, max_size=3), row=st.lists(st.integers(-3, 3), min_size=4, max_size=4))
def test_values_are_those_of_the_definition(way, forest, row):
    row = np.array(row, dtype=float)
    explained = TreeShap(Forest(forest, np.array([0.5])))
    found = explained.values(row[None, :])[0, :, 0]
    wanted = sum(by_definition(tree, row, 4) for tree in forest)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert explained.base[0] == pytest.approx(0.5 + sum(answer(tree, row, set()) for tree in forest), abs=1e-12)


@BOTH_WAYS
@given(
    tree=trees(),
    rows=st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=70),
)
def test_many_rows_are_explained_as_each_alone(way, tree, rows):
    rows = np.array(rows, dtype=float)
    explained = TreeShap(Forest([tree], np.zeros(1)))
    together = explained.values(rows)
    for place in range(len(rows)):
        np.testing.assert_array_equal(explained.values(rows[place : place + 1])[0], together[place])


def test_deep_trees_stay_exact(way):
    random = np.random.default_rng(0)
    rows = random.normal(size=(800, 25))
    target = rows @ random.normal(size=25) + random.normal(size=800)
    model = RandomForestRegressor(20, random_state=0).fit(rows, target)
    explained = TreeShap(read("random_forest", model))
    found = explained.values(rows[:50])[:, :, 0]
    wanted = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(rows[:50])
    np.testing.assert_allclose(found, wanted, atol=1e-11)
    assert np.abs(explained.base[0] + found.sum(axis=1) - model.predict(rows[:50])).max() < 1e-12


def test_weighted_forests_of_several_classes(way):
    random = np.random.default_rng(1)
    rows = random.normal(size=(300, 5))
    target = random.integers(0, 3, 300)
    model = RandomForestClassifier(10, class_weight="balanced", random_state=0).fit(rows, target)
    explained = TreeShap(read("random_forest", model))
    found = explained.values(rows)
    wanted = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(rows)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_allclose(explained.base + found.sum(axis=1), model.predict_proba(rows), atol=1e-12)


def test_values_at_a_threshold_go_where_the_library_sends_them(way):
    rows = np.array([[0.0], [1.0], [2.0], [3.0]] * 20)
    target = (rows[:, 0] >= 2).astype(float)
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 1},
        lightgbm.Dataset(rows, target),
        3,
    )
    explained = TreeShap(read("lightgbm", booster))
    for value in (1.0, np.nextafter(1.5, 2), 1.5, 2.0):
        row = np.array([[value]])
        total = explained.base[0] + explained.values(row)[0, 0, 0]
        assert total == pytest.approx(booster.predict(row)[0], abs=1e-15)


def test_a_tree_that_is_a_single_leaf_adds_to_the_base_alone(way):
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbosity": -1},
        lightgbm.Dataset(np.arange(30.0)[:, None], np.ones(30)),
        2,
    )
    explained = TreeShap(read("lightgbm", booster))
    assert explained.base[0] == pytest.approx(1.0)
    assert not explained.values(np.zeros((3, 1))).any()


@pytest.mark.parametrize(("algorithm", "kind", "classes"), [case for case in CASES if case[0] not in LINEAR])
def test_both_ways_agree_on_every_algorithm(algorithm, kind, classes, monkeypatch):
    model, frame = fitted(algorithm, kind, classes)
    explained = TreeShap(read(algorithm, model.estimator))
    encoded = model.encode(frame)
    by_arrays = explained.values(encoded)
    monkeypatch.setattr(tree_shap, "COMPILED_FROM", -1)
    np.testing.assert_allclose(explained.values(encoded), by_arrays, atol=1e-12)


def test_what_arrays_cannot_express_is_left_to_the_library():
    random = np.random.default_rng(0)
    rows = np.column_stack([random.integers(0, 5, 200), random.normal(size=200)]).astype(float)
    target = (rows[:, 0] == 3) + random.normal(0, 0.1, 200)
    categorical = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbosity": -1, "min_data_per_group": 1},
        lightgbm.Dataset(rows, target, categorical_feature=[0]),
        3,
    )
    zero_missing = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbosity": -1, "zero_as_missing": True},
        lightgbm.Dataset(rows, target),
        3,
    )
    for booster in (categorical, zero_missing):
        with pytest.raises(NotReadable):
            read("lightgbm", booster)
    with pytest.raises(NotReadable):
        read("gaussian_process", None)
