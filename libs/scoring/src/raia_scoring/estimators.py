"""How each algorithm's native estimator is asked: one interface over scikit-learn, XGBoost and LightGBM."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Algorithm:
    """What an algorithm is, as far as scoring needs to know."""

    name: str
    library: Literal["scikit-learn", "xgboost", "lightgbm"]
    kinds: tuple[str, ...]
    """``classification``, ``regression`` or both."""
    scaled: bool = False
    """Whether its numeric columns are scaled."""
    probability_margin: bool = False
    """Whether a classifier's margin is the probability itself, as for averages of trees."""


ALGORITHMS: dict[str, Algorithm] = {
    each.name: each
    for each in (
        Algorithm("logistic_regression", "scikit-learn", ("classification",), scaled=True),
        Algorithm("linear_regression", "scikit-learn", ("regression",), scaled=True),
        Algorithm("ridge", "scikit-learn", ("regression",), scaled=True),
        Algorithm("random_forest", "scikit-learn", ("classification", "regression"), probability_margin=True),
        Algorithm("hist_gradient_boosting", "scikit-learn", ("classification", "regression")),
        Algorithm("xgboost", "xgboost", ("classification", "regression")),
        Algorithm("lightgbm", "lightgbm", ("classification", "regression")),
    )
}
"""Every algorithm by name."""


def probabilities(algorithm: Algorithm, estimator: Any, encoded: np.ndarray) -> np.ndarray:
    """Class probabilities, float64 (n, k), of a classifier."""
    if algorithm.library == "scikit-learn":
        return np.asarray(estimator.predict_proba(encoded), dtype=np.float64)
    found = np.asarray(_booster_output(algorithm, estimator, encoded, raw=False), dtype=np.float64)
    if found.ndim == 1:
        return np.column_stack([1.0 - found, found])
    # XGBoost rounds to 32 bits, so its rows add up to 1 only nearly.
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def values(algorithm: Algorithm, estimator: Any, encoded: np.ndarray) -> np.ndarray:
    """Predictions, float64 (n,), of a regressor."""
    if algorithm.library == "scikit-learn":
        return np.asarray(estimator.predict(encoded), dtype=np.float64).reshape(len(encoded))
    return np.asarray(_booster_output(algorithm, estimator, encoded, raw=False), dtype=np.float64)


def margins(algorithm: Algorithm, estimator: Any, encoded: np.ndarray) -> np.ndarray:
    """A classifier's output before it becomes a probability: (n,) for two classes (the second's), else (n, k)."""
    if algorithm.probability_margin:
        found = probabilities(algorithm, estimator, encoded)
        return found[:, 1] if found.shape[1] == 2 else found
    if algorithm.library == "scikit-learn":
        return np.asarray(estimator.decision_function(encoded), dtype=np.float64)
    return np.asarray(_booster_output(algorithm, estimator, encoded, raw=True), dtype=np.float64)


def _booster_output(algorithm: Algorithm, booster: Any, encoded: np.ndarray, *, raw: bool) -> Any:
    if algorithm.library == "lightgbm":
        return booster.predict(encoded, raw_score=raw, num_threads=1)
    import xgboost

    return booster.predict(xgboost.DMatrix(encoded, nthread=1), output_margin=raw)
