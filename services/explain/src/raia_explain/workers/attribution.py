"""SHAP values of a model on its margin scale, exact: of trees path-dependent, of linear models interventional."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from raia_scoring.model import ScoringModel

from raia_explain.errors import class_unknown
from raia_explain.workers import forest
from raia_explain.workers.tree_shap import TreeShap

LINEAR = frozenset({"logistic_regression", "linear_regression", "ridge"})
"""Algorithms whose margin is a weighted sum of the encoded columns."""


@dataclass(frozen=True)
class Attribution:
    """SHAP values of n rows over the model's c columns, for one output of the model."""

    values: np.ndarray
    """Float64 (n, c), in the order of the signature."""
    base: float
    """What the model answers without knowing anything of a row."""
    margin: np.ndarray
    """The model's own margin of each row, float64 (n,)."""

    @property
    def additivity_error(self) -> float:
        """The largest |base + sum of values - margin| over all rows, relative to the row's margin.

        Where a margin is nearer to 0 than 1, the difference counts as it is: a margin of 0 has no relative error.
        """
        if not len(self.margin):
            return 0.0
        difference = np.abs(self.base + self.values.sum(axis=1) - self.margin)
        return float((difference / np.maximum(1.0, np.abs(self.margin))).max())


class Explainer:
    """Attributes the outputs of one model; made once, asked for any number of rows."""

    def __init__(self, model: ScoringModel) -> None:
        self.model = model
        self.method: Literal["tree", "linear"] = "linear" if model.algorithm in LINEAR else "tree"
        self._trees: tuple[int | None, TreeShap | _Library] | None = None

    @property
    def outputs(self) -> int:
        """How many margins the model has: one, or one a class for more than two classes."""
        return len(self.model.classes) if len(self.model.classes) > 2 else 1

    def explain(self, encoded: np.ndarray, only: int | None = None) -> list[Attribution]:
        """The attribution of each output, or of one alone, for rows that are encoded already, float64 (n, m)."""
        margin = self.model.encoded_margin(encoded).reshape(len(encoded), self.outputs)
        margin = margin if only is None else margin[:, [only]]
        values, base = self._linear(encoded, only) if self.method == "linear" else self._tree(encoded, only)
        columns = by_source(values, self.model.encoded_sources, self.model.signature.names)
        return [Attribution(columns[:, :, k], float(base[k]), margin[:, k]) for k in range(margin.shape[1])]

    def of_class(self, encoded: np.ndarray, label: str) -> Attribution:
        """The attribution of one class's margin, or of a regressor's with an empty label.

        Of two classes the first has the second's margin turned round: negated as log-odds, taken from 1 as a
        probability. Raises ``ClassUnknown``.
        """
        if self.model.classes and label not in self.model.classes:
            raise class_unknown(label, self.model.classes)
        place = self.model.classes.index(label) if self.model.classes else 0
        (only,) = self.explain(encoded, place if self.outputs > 1 else 0)
        if self.outputs > 1 or place == 1 or not self.model.classes:
            return only
        whole = 1.0 if self.model.margin_scale == "probability" else 0.0
        return Attribution(-only.values, whole - only.base, whole - only.margin)

    def _linear(self, encoded: np.ndarray, only: int | None) -> tuple[np.ndarray, np.ndarray]:
        weights = np.atleast_2d(np.asarray(self.model.estimator.coef_, dtype=np.float64))
        constant = np.atleast_1d(np.asarray(self.model.estimator.intercept_, dtype=np.float64))
        if only is not None:
            weights, constant = weights[[only]], constant[[only]]
        mean = self.model.encoded_mean
        values = (encoded - mean)[:, :, None] * weights.T[None, :, :]
        return values, weights @ mean + constant

    def _tree(self, encoded: np.ndarray, only: int | None) -> tuple[np.ndarray, np.ndarray]:
        if self._trees is None or self._trees[0] != only:
            self._trees = None  # the memory is needed for the next
            self._trees = only, _trees_of(self.model, only)
        trees = self._trees[1]
        values = trees.values(encoded)
        return values, trees.base


def by_source(values: np.ndarray, sources: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Values of encoded columns (n, m, k) summed to the columns that they come from, (n, c, k) in the order given."""
    place = {name: position for position, name in enumerate(names)}
    found = np.zeros((values.shape[0], len(names), values.shape[2]), dtype=np.float64)
    for position, source in enumerate(sources):
        found[:, place[source], :] += values[:, position, :]
    return found


def _trees_of(model: ScoringModel, only: int | None) -> "TreeShap | _Library":
    try:
        found = forest.read(model.algorithm, model.estimator)
    except forest.NotReadable:
        return _Library(model, only)
    return TreeShap(found if only is None else found.of_output(only))


class _Library:
    """SHAP values by the shap library, for trees of kinds that are not read here."""

    def __init__(self, model: ScoringModel, only: int | None) -> None:
        import shap  # takes seconds, so that nobody else pays for it

        self._explainer = shap.TreeExplainer(model.estimator, feature_perturbation="tree_path_dependent")
        # A forest of two classes answers both; the second's is the margin.
        several = len(model.classes) > 2
        self._outputs = slice(-1, None) if not several else slice(only, None if only is None else only + 1)
        self.base = np.zeros(0)
        """Known once rows were explained."""

    def values(self, encoded: np.ndarray) -> np.ndarray:
        """SHAP values, float64 (n, m, k)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of LightGBM's two classes, told as a list: handled below
            found: Any = self._explainer.shap_values(encoded, check_additivity=False)
        values = np.stack(found, axis=-1) if isinstance(found, list) else np.asarray(found, dtype=np.float64)
        values = values.reshape(*encoded.shape, -1).astype(np.float64)
        base = np.atleast_1d(np.asarray(self._explainer.expected_value, dtype=np.float64))
        self.base = base[self._outputs]
        return values[:, :, self._outputs]
