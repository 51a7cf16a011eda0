"""A model ready to score: preprocessing, estimator and signature in one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from raia_scoring import estimators, preprocessing
from raia_scoring.estimators import ALGORITHMS, Algorithm
from raia_scoring.signature import Signature, canonical

Kind = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class ScoringModel:
    """A fitted model. Frames hold the signature's columns, in any order and beside others; n is their row count."""

    kind: Kind
    algorithm: str
    signature: Signature
    preprocessing: Any
    """The fitted scikit-learn ``ColumnTransformer``."""
    estimator: Any
    """The native object: a scikit-learn estimator, ``xgboost.Booster`` or ``lightgbm.Booster``; classes are 0 … k-1."""
    encoded_mean: np.ndarray = field(repr=False)
    """Mean of each encoded column over the training rows, float64 (m,): the background of linear explanations."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries that trained it, by name."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class labels in the order of the probabilities; empty for a regressor."""
        return self.signature.classes

    @cached_property
    def encoded_sources(self) -> tuple[str, ...]:
        """The source column of each of the m encoded columns."""
        return preprocessing.sources(self.preprocessing)

    @property
    def margin_scale(self) -> Literal["log_odds", "probability", "target"]:
        """What ``margin`` is measured in."""
        if self.kind == "regression":
            return "target"
        return "probability" if self._algorithm.probability_margin else "log_odds"

    @property
    def precision(self) -> Literal["float64", "float32"]:
        """The floating point numbers that the estimator computes with."""
        return "float32" if self._algorithm.library == "xgboost" else "float64"

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Class labels as an object array of str, or numbers as float64; (n,)."""
        if self.kind == "regression":
            return estimators.values(self._algorithm, self.estimator, self.encode(frame))
        return self.labels(self.predict_proba(frame))

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities in the order of ``classes``, float64 (n, k); raises ``TypeError`` for a regressor."""
        if self.kind == "regression":
            raise TypeError("a regressor has no probabilities")
        return estimators.probabilities(self._algorithm, self.estimator, self.encode(frame))

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """The label of the greatest probability of each row, the first of equals; object array (n,)."""
        labels: np.ndarray = np.asarray(self.classes, dtype=object)[probabilities.argmax(axis=1)]
        return labels

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """What the estimator sees: float64 (n, m)."""
        return preprocessing.encode(self.preprocessing, canonical(frame, self.signature))

    def margin(self, frame: pd.DataFrame) -> np.ndarray:
        """Output on ``margin_scale``: (n,) for regressors and for two classes (the second's), else (n, k)."""
        return self.encoded_margin(self.encode(frame))

    def encoded_margin(self, encoded: np.ndarray) -> np.ndarray:
        """``margin`` of rows that are encoded already, (n, m)."""
        of = estimators.values if self.kind == "regression" else estimators.margins
        return of(self._algorithm, self.estimator, encoded)

    @property
    def _algorithm(self) -> Algorithm:
        return ALGORITHMS[self.algorithm]
