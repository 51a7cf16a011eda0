"""The algorithms: each makes a fitted native estimator of encoded rows, repeatable by its seed, on one thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from raia_ml.runs.parameters import CLASSIFICATION, Value


@dataclass(frozen=True)
class Fitting:
    """What to fit."""

    task: str
    classes: int
    """0 for regression."""
    parameters: Mapping[str, Value]
    seed: int
    rows: np.ndarray
    """Encoded rows, float64 (n, m)."""
    target: np.ndarray
    """Class numbers or numbers, (n,)."""


class Trainer(Protocol):
    """Fits one algorithm."""

    def __call__(self, fitting: Fitting) -> Any:
        """The native estimator, fitted."""
        ...


def _weights(parameters: Mapping[str, Value]) -> dict[str, Any]:
    return {"class_weight": "balanced" if parameters.get("class_weight") == "balanced" else None}


def _logistic_regression(fitting: Fitting) -> Any:
    from sklearn.linear_model import LogisticRegression

    chosen = {name: fitting.parameters[name] for name in ("C", "max_iter", "tol")}
    return LogisticRegression(**chosen, **_weights(fitting.parameters), random_state=fitting.seed).fit(
        fitting.rows, fitting.target
    )


def _linear_regression(fitting: Fitting) -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression(fit_intercept=fitting.parameters["fit_intercept"]).fit(fitting.rows, fitting.target)


def _ridge(fitting: Fitting) -> Any:
    from sklearn.linear_model import Ridge

    # By singular values: exact also where columns depend on one another, as those of one category do.
    chosen = {name: fitting.parameters[name] for name in ("alpha", "fit_intercept")}
    return Ridge(**chosen, solver="svd").fit(fitting.rows, fitting.target)


def _random_forest(fitting: Fitting) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    chosen: dict[str, Any] = {
        name: fitting.parameters[name]
        for name in ("n_estimators", "max_depth", "min_samples_split", "min_samples_leaf")
    }
    share = {"third": 1 / 3, "all": 1.0}
    chosen["max_features"] = share.get(str(fitting.parameters["max_features"]), fitting.parameters["max_features"])
    chosen |= {"random_state": fitting.seed, "n_jobs": 1}
    if fitting.task == CLASSIFICATION:
        return RandomForestClassifier(**chosen, **_weights(fitting.parameters)).fit(fitting.rows, fitting.target)
    return RandomForestRegressor(**chosen).fit(fitting.rows, fitting.target)


def _hist_gradient_boosting(fitting: Fitting) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    names = ("max_iter", "learning_rate", "max_leaf_nodes", "max_depth", "min_samples_leaf", "l2_regularization")
    chosen: dict[str, Any] = {name: fitting.parameters[name] for name in names}
    chosen |= {"random_state": fitting.seed, "early_stopping": False}
    if fitting.task == CLASSIFICATION:
        return HistGradientBoostingClassifier(**chosen, **_weights(fitting.parameters)).fit(
            fitting.rows, fitting.target
        )
    return HistGradientBoostingRegressor(**chosen).fit(fitting.rows, fitting.target)


def _xgboost(fitting: Fitting) -> Any:
    import xgboost

    chosen: dict[str, Any] = {name: value for name, value in fitting.parameters.items() if name != "n_estimators"}
    chosen |= {"tree_method": "hist", "nthread": 1, "seed": fitting.seed, "verbosity": 0}
    chosen |= _objective(fitting.classes, "reg:squarederror", "binary:logistic", "multi:softprob")
    data = xgboost.DMatrix(fitting.rows, fitting.target, nthread=1)
    return xgboost.train(chosen, data, num_boost_round=int(fitting.parameters["n_estimators"] or 0))


def _lightgbm(fitting: Fitting) -> Any:
    import lightgbm

    chosen: dict[str, Any] = {
        "learning_rate": fitting.parameters["learning_rate"],
        "num_leaves": fitting.parameters["num_leaves"],
        "max_depth": -1 if fitting.parameters["max_depth"] is None else fitting.parameters["max_depth"],
        "min_data_in_leaf": fitting.parameters["min_child_samples"],
        "bagging_fraction": fitting.parameters["subsample"],
        "bagging_freq": 0 if fitting.parameters["subsample"] == 1.0 else 1,
        "feature_fraction": fitting.parameters["colsample_bytree"],
        "lambda_l1": fitting.parameters["reg_alpha"],
        "lambda_l2": fitting.parameters["reg_lambda"],
        "seed": fitting.seed % (2**31),
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    chosen |= _objective(fitting.classes, "regression", "binary", "multiclass")
    data = lightgbm.Dataset(fitting.rows, fitting.target, free_raw_data=False)
    return lightgbm.train(chosen, data, num_boost_round=int(fitting.parameters["n_estimators"] or 0))


def _objective(classes: int, regression: str, binary: str, several: str) -> dict[str, Any]:
    if classes == 0:
        return {"objective": regression}
    return {"objective": binary} if classes == 2 else {"objective": several, "num_class": classes}


TRAINERS: dict[str, Trainer] = {
    "logistic_regression": _logistic_regression,
    "linear_regression": _linear_regression,
    "ridge": _ridge,
    "random_forest": _random_forest,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
"""How each algorithm is fitted."""
