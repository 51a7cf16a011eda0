"""Fitted models of every algorithm on a mixed table, and the files that compute functions are given."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import raia_scoring
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

ROWS = 600
CASES = [
    (name, kind, classes)
    for name, algorithm in ALGORITHMS.items()
    for kind in algorithm.kinds
    for classes in ((2, 3) if kind == "classification" else (0,))
]
"""Every algorithm as regressor and with two and three classes, as far as it goes."""
SIGNATURE = Signature(
    (
        FeatureSpec("age", "numeric", minimum=18.0, maximum=79.0),
        FeatureSpec("income", "numeric", minimum=0.5, maximum=500.0, nullable=True),
        FeatureSpec("debt", "numeric", minimum=-4.0, maximum=4.0),
        FeatureSpec("city", "categorical", ("Lima", "Oslo", "Rome"), nullable=True),
        FeatureSpec("member", "categorical", ("false", "true")),
    )
)
_SKLEARN: dict[tuple[str, str], Any] = {
    ("logistic_regression", "classification"): lambda: LogisticRegression(max_iter=5000),
    ("linear_regression", "regression"): LinearRegression,
    ("ridge", "regression"): Ridge,
    ("random_forest", "classification"): lambda: RandomForestClassifier(30, random_state=3),
    ("random_forest", "regression"): lambda: RandomForestRegressor(30, random_state=3),
    ("hist_gradient_boosting", "classification"): lambda: HistGradientBoostingClassifier(max_iter=30, random_state=3),
    ("hist_gradient_boosting", "regression"): lambda: HistGradientBoostingRegressor(max_iter=30, random_state=3),
}


def table(rows: int = ROWS, seed: int = 5) -> pd.DataFrame:
    """Numbers and texts, some missing, booleans, a column that models do not take, and the target ``label``."""
    random = np.random.default_rng(seed)
    income = random.lognormal(3, 1, rows)
    income[random.random(rows) < 0.1] = np.nan
    city = pd.Series(random.choice(["Rome", "Oslo", "Lima"], rows), dtype="str")
    city[random.random(rows) < 0.1] = None
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "income": income,
            "debt": random.normal(0, 1, rows),
            "city": city,
            "member": random.random(rows) < 0.4,
            "sex": random.choice(["F", "M"], rows),
        }
    )
    noise = random.normal(0, 0.5, rows)
    frame["label"] = frame["age"] / 20 + frame["member"] * 1.5 + frame["debt"] * (city == "Rome") + noise
    return frame


def fitted(algorithm: str, kind: str, classes: int = 2) -> tuple[ScoringModel, pd.DataFrame]:
    """A model of the algorithm and the table that it was trained on."""
    frame = table()
    if kind == "classification":
        frame["label"] = [("no", "yes", "more")[place] for place in pd.qcut(frame["label"], classes, labels=False)]
    signature = Signature(SIGNATURE.inputs, ("no", "yes", "more")[:classes])
    preprocessing = parts.build(signature, scaled=ALGORITHMS[algorithm].scaled)
    rows = canonical(frame, signature)
    preprocessing.fit(rows)
    encoded = parts.encode(preprocessing, rows)
    target = frame["label"].to_numpy()
    if kind == "classification":
        target = np.array([signature.classes.index(label) for label in target])
    model = ScoringModel(
        kind=kind,  # type: ignore[arg-type]
        algorithm=algorithm,
        signature=signature,
        preprocessing=preprocessing,
        estimator=_estimator(algorithm, kind, classes, encoded, target),
        encoded_mean=encoded.mean(axis=0),
    )
    return model, frame


def _estimator(algorithm: str, kind: str, classes: int, encoded: np.ndarray, target: np.ndarray) -> Any:
    if algorithm == "xgboost":
        objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[classes]
        params = {"objective": objective, "nthread": 1, "seed": 3}
        data = xgboost.DMatrix(encoded, target, nthread=1)
        return xgboost.train(params | ({"num_class": classes} if classes == 3 else {}), data, 30)
    if algorithm == "lightgbm":
        objective = {0: "regression", 2: "binary", 3: "multiclass"}[classes]
        params = {"objective": objective, "num_threads": 1, "deterministic": True, "verbosity": -1, "seed": 3}
        data = lightgbm.Dataset(encoded, target)
        return lightgbm.train(params | ({"num_class": classes} if classes == 3 else {}), data, 30)
    return _SKLEARN[algorithm, kind]().fit(encoded, target)


def stored(folder: Path, model: ScoringModel, frame: pd.DataFrame) -> dict[str, str]:
    """The arguments by which compute functions find the model and the rows."""
    data = raia_scoring.save(model)
    (folder / "model").write_bytes(data)
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(folder / "rows"), "wb") as sink, pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow, max_chunksize=100)
    return {
        "model_path": str(folder / "model"),
        "digest": raia_scoring.digest(data),
        "data_path": str(folder / "rows"),
    }


def numbers(rows: Any) -> bytes:
    """Row numbers as they cross between services."""
    return np.asarray(list(rows), dtype="<i8").tobytes()
