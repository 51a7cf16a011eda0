"""Fitted models of every algorithm on a small mixed table."""

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import sklearn
import xgboost
from raia_scoring import FeatureSpec, ScoringModel, Signature
from raia_scoring import preprocessing as parts
from raia_scoring.estimators import ALGORITHMS
from raia_scoring.signature import canonical
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

SKLEARN: dict[tuple[str, str], Any] = {
    ("logistic_regression", "classification"): lambda: LogisticRegression(max_iter=5000),
    ("linear_regression", "regression"): LinearRegression,
    ("ridge", "regression"): Ridge,
    ("random_forest", "classification"): lambda: RandomForestClassifier(8, random_state=3, max_depth=5),
    ("random_forest", "regression"): lambda: RandomForestRegressor(8, random_state=3, max_depth=5),
    ("hist_gradient_boosting", "classification"): lambda: HistGradientBoostingClassifier(max_iter=8, random_state=3),
    ("hist_gradient_boosting", "regression"): lambda: HistGradientBoostingRegressor(max_iter=8, random_state=3),
}
CASES = [
    (name, kind, classes)
    for name, algorithm in ALGORITHMS.items()
    for kind in algorithm.kinds
    for classes in ((2, 3) if kind == "classification" else (0,))
]


def table(rows: int = 240, seed: int = 5) -> pd.DataFrame:
    """Numbers with and without missing values, texts with missing values, booleans."""
    random = np.random.default_rng(seed)
    income = random.lognormal(3, 1, rows)
    income[random.random(rows) < 0.1] = np.nan
    city = pd.Series(random.choice(["Rome", "Oslo", "Lima", 'a,"b"\n'], rows), dtype="str")
    city[random.random(rows) < 0.1] = None
    return pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "income": income,
            "city": city,
            "member": random.random(rows) < 0.4,
            "ignored": random.random(rows),
        }
    )


SIGNATURE = Signature(
    (
        FeatureSpec("age", "numeric", minimum=18.0, maximum=79.0),
        FeatureSpec("income", "numeric", minimum=0.5, maximum=500.0, nullable=True),
        FeatureSpec("city", "categorical", ("Lima", "Oslo", "Rome", 'a,"b"\n'), nullable=True),
        FeatureSpec("member", "categorical", ("false", "true")),
    )
)


def fitted(algorithm: str, kind: str, classes: int = 2, seed: int = 5) -> ScoringModel:
    """A model of the algorithm, trained on the table."""
    frame = table(seed=seed)
    random = np.random.default_rng(seed)
    score = frame["age"] / 20 + frame["member"] * 1.5 + random.normal(0, 0.5, len(frame))
    signature = Signature(SIGNATURE.inputs, tuple("abc"[:classes]))
    preprocessing = parts.build(signature, scaled=ALGORITHMS[algorithm].scaled)
    rows = canonical(frame, signature)
    preprocessing.fit(rows)
    encoded = parts.encode(preprocessing, rows)
    target = score.to_numpy() if kind == "regression" else np.asarray(pd.qcut(score, classes, labels=False))
    return ScoringModel(
        kind=kind,  # type: ignore[arg-type]
        algorithm=algorithm,
        signature=signature,
        preprocessing=preprocessing,
        estimator=_estimator(algorithm, kind, classes, encoded, target),
        encoded_mean=encoded.mean(axis=0),
        libraries={"scikit-learn": sklearn.__version__},
    )


def _estimator(algorithm: str, kind: str, classes: int, encoded: np.ndarray, target: np.ndarray) -> Any:
    if algorithm == "xgboost":
        objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[classes]
        params = {"objective": objective, "nthread": 1, "seed": 3, "max_depth": 3}
        data = xgboost.DMatrix(encoded, target, nthread=1)
        return xgboost.train(params | ({"num_class": classes} if classes == 3 else {}), data, 8)
    if algorithm == "lightgbm":
        objective = {0: "regression", 2: "binary", 3: "multiclass"}[classes]
        params = {"objective": objective, "num_threads": 1, "deterministic": True, "verbosity": -1, "seed": 3}
        data = lightgbm.Dataset(encoded, target)
        return lightgbm.train(params | ({"num_class": classes} if classes == 3 else {}), data, 8)
    return SKLEARN[algorithm, kind]().fit(encoded, target)
