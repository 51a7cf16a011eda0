import warnings

import numpy as np
import pytest
import shap
from raia_explain.errors import ClassUnknown
from raia_explain.workers import forest
from raia_explain.workers.attribution import LINEAR, Explainer, by_source

from ..models import CASES, fitted

pytestmark = pytest.mark.fast


def reference(model, encoded):
    """Values (n, m, k) and base (k,) of the shap library."""
    if model.algorithm in LINEAR:
        masker = shap.maskers.Independent(model.encoded_mean[None, :])
        explainer = shap.LinearExplainer(model.estimator, masker)
    else:
        explainer = shap.TreeExplainer(model.estimator, feature_perturbation="tree_path_dependent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LightGBM of two classes: the list that it warns of is handled here
        values = explainer.shap_values(encoded)
    values = np.asarray(values[-1] if isinstance(values, list) else values, dtype=np.float64)
    base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    if values.ndim == 2:
        values = values[:, :, None]
    if len(model.classes) == 2:
        values, base = values[:, :, -1:], base[-1:]
    return values, base


@pytest.mark.parametrize(("algorithm", "kind", "classes"), CASES)
def test_equals_the_shap_library_and_adds_up_to_the_margin(algorithm, kind, classes):
    model, frame = fitted(algorithm, kind, classes)
    encoded = model.encode(frame.head(200))
    found = Explainer(model).explain(encoded)
    values, base = reference(model, encoded)
    wanted = by_source(values, model.encoded_sources, model.signature.names)
    closeness, additivity = (1e-6, 1e-9) if model.precision == "float64" else (1e-4, 1e-4)
    assert len(found) == wanted.shape[2] == max(1, classes if classes > 2 else 1)
    for k, each in enumerate(found):
        assert np.abs(each.values - wanted[:, :, k]).max() <= closeness * max(1.0, np.abs(wanted).max())
        assert each.base == pytest.approx(base[k], rel=closeness, abs=closeness)
        assert each.additivity_error <= additivity
        margin = model.margin(frame.head(200)).reshape(200, -1)[:, k]
        np.testing.assert_array_equal(each.margin, margin)
        assert np.abs(each.base + each.values.sum(axis=1) - margin).max() <= additivity * max(1, np.abs(margin).max())


def test_of_two_classes_the_first_is_the_second_turned_round():
    for algorithm in ("logistic_regression", "random_forest"):
        model, frame = fitted(algorithm, "classification", 2)
        explainer, encoded = Explainer(model), model.encode(frame.head(20))
        second, first = explainer.of_class(encoded, "yes"), explainer.of_class(encoded, "no")
        np.testing.assert_array_equal(first.values, -second.values)
        assert first.additivity_error < 1e-9
        whole = 1.0 if algorithm == "random_forest" else 0.0
        assert first.base + second.base == pytest.approx(whole)
        np.testing.assert_allclose(first.margin + second.margin, whole, atol=1e-12)


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize(("algorithm", "kind", "classes"), [case for case in CASES if case[2] == 3])
def test_one_class_alone_is_explained_as_among_all(algorithm, kind, classes, library, monkeypatch):
    model, frame = fitted(algorithm, kind, classes)
    encoded = model.encode(frame.head(20))
    together = Explainer(model).explain(encoded)
    if library:
        monkeypatch.setattr(forest, "_READERS", {})
    explainer = Explainer(model)
    for label, wanted in zip(model.classes, together, strict=True):
        found = explainer.of_class(encoded, label)
        closeness = 1e-9 if model.precision == "float64" else 1e-4
        np.testing.assert_allclose(found.values, wanted.values, atol=closeness)
        assert found.base == pytest.approx(wanted.base, abs=closeness)
        np.testing.assert_array_equal(found.margin, wanted.margin)


def test_an_unknown_class_is_refused():
    model, frame = fitted("lightgbm", "classification", 3)
    with pytest.raises(ClassUnknown) as refused:
        Explainer(model).of_class(model.encode(frame.head(2)), "maybe")
    assert refused.value.metadata == {"class": "maybe"}


def test_attributions_of_encoded_columns_are_summed_to_their_source():
    values = np.arange(12, dtype=float).reshape(2, 6, 1)
    found = by_source(values, ["b", "a", "b", "c", "c", "c"], ["a", "b", "c"])
    np.testing.assert_array_equal(found[:, :, 0], [[1, 0 + 2, 3 + 4 + 5], [7, 6 + 8, 9 + 10 + 11]])


@pytest.mark.parametrize(
    ("algorithm", "kind", "classes"), [case for case in CASES if case[0] not in LINEAR and case[2] != 0]
)
def test_the_library_stands_in_where_trees_cannot_be_read(algorithm, kind, classes, monkeypatch):
    model, frame = fitted(algorithm, kind, classes)
    encoded = model.encode(frame.head(30))
    wanted = Explainer(model).explain(encoded)

    def refuse(*_arguments):
        raise forest.NotReadable("a kind of tree")

    monkeypatch.setattr(forest, "read", refuse)
    found = Explainer(model).explain(encoded)
    closeness = 1e-9 if model.precision == "float64" else 1e-4
    for each, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(each.values, other.values, atol=closeness)
        assert each.base == pytest.approx(other.base, abs=closeness)
