"""The compute function of permutation importance: how much a score drops when a column is shuffled."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from raia_scoring.model import ScoringModel
from raia_scoring.signature import numbers, texts
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from raia_explain.workers import loaded, table

Progress = Callable[[float, str], None]
Score = Callable[["_Scored", pd.DataFrame, np.ndarray], float]

REPEATS = 10
SEED = 0


class _Scored:
    """A fitted model in the shape that scikit-learn's inspection asks for."""

    def __init__(self, model: ScoringModel) -> None:
        self.model = model

    def fit(self, *_: object) -> "_Scored":
        """Nothing: the model is fitted."""
        return self


def permute(
    *, model_path: str, digest: str, data_path: str, holdout: bytes, target: str, progress: Progress
) -> dict[str, Any]:
    """The drop of the score on the hold-out rows for each column of the model, over ten seeded shuffles.

    The score is ``roc_auc`` for two classes (``accuracy`` if the rows hold only one, or for more classes), ``r2`` for
    regressors. Rows without a label are left out. Raises ``ColumnsMissing``, ``RowOutOfRange``.
    """
    model = loaded.explainer(model_path, digest).model
    names = model.signature.names
    data = table.chosen(table.read(data_path, [*names, target]), table.row_numbers(holdout))
    frame = table.frame(data)
    labels = _labels(model, frame[target])
    known = pd.notna(labels)
    frame, labels = frame.loc[known, names].reset_index(drop=True), labels[known]
    name, score = _score(model, labels)
    means, deviations = np.zeros(len(names)), np.zeros(len(names))
    for place, column in enumerate(names):
        drops = _drops(model, frame, labels, column, score)
        means[place], deviations[place] = drops.mean(), drops.std()
        progress((place + 1) / len(names), column)
    order = np.argsort(-means, kind="stable")
    return {
        "score": name,
        "row_count": len(frame),
        "repeats": REPEATS,
        "seed": SEED,
        "features": [
            {"feature": names[k], "importance": float(means[k]), "standard_deviation": float(deviations[k])}
            for k in order
        ],
    }


def _drops(model: ScoringModel, frame: pd.DataFrame, labels: np.ndarray, column: str, score: Score) -> np.ndarray:
    """The drops of the score for one column, float64 (repeats,): its shuffles are the same whatever the others are."""
    others = [name for name in frame.columns if name != column]
    rest = frame[others]

    def of_column(estimator: _Scored, shuffled: pd.DataFrame, wanted: np.ndarray) -> float:
        return score(estimator, rest.assign(**{column: shuffled[column].to_numpy()}), wanted)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)
        found = permutation_importance(
            _Scored(model), frame[[column]], labels, scoring=of_column, n_repeats=REPEATS, random_state=SEED, n_jobs=1
        )
    return np.asarray(found.importances[0], dtype=np.float64)


def _labels(model: ScoringModel, target: "pd.Series[Any]") -> np.ndarray:
    return numbers(target) if model.kind == "regression" else texts(target)


def _score(model: ScoringModel, labels: np.ndarray) -> tuple[str, Score]:
    if model.kind == "regression":
        return "r2", _r2
    if len(model.classes) == 2 and len(set(labels)) == 2:
        return "roc_auc", _roc_auc
    return "accuracy", _accuracy


def _r2(scored: _Scored, frame: pd.DataFrame, labels: np.ndarray) -> float:
    return float(r2_score(labels, scored.model.predict(frame)))


def _accuracy(scored: _Scored, frame: pd.DataFrame, labels: np.ndarray) -> float:
    return float(accuracy_score(labels.astype(str), scored.model.predict(frame).astype(str)))


def _roc_auc(scored: _Scored, frame: pd.DataFrame, labels: np.ndarray) -> float:
    second = scored.model.classes[1]
    return float(roc_auc_score(labels == second, scored.model.predict_proba(frame)[:, 1]))
