"""The compute functions of SHAP values: of chosen rows, or in summary."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from raia_scoring.model import ScoringModel

from raia_explain.workers import loaded, table
from raia_explain.workers.attribution import Attribution, Explainer

Progress = Callable[[float, str], None]

CHUNK = 2_000
"""Rows explained at once, at most: they pace the progress."""
CHUNK_BYTES = 128 * 1024**2
"""Bytes of values of encoded columns at once, at most."""


def explain_rows(
    *, model_path: str, digest: str, data_path: str, rows: list[int], label: str, progress: Progress
) -> dict[str, Any]:
    """SHAP values of chosen rows of a dataset version, each with its margin, prediction and the row's values.

    Raises ``RowOutOfRange``, ``ClassUnknown``, ``ColumnsMissing``.
    """
    explainer = loaded.explainer(model_path, digest)
    model = explainer.model
    picked = table.chosen(table.read(data_path, model.signature.names), rows)
    frame = table.frame(picked)
    found = explainer.of_class(model.encode(frame), label)
    progress(0.9, "values computed")
    predictions = [table.json_value(value) for value in model.predict(frame).tolist()]
    cells = [[table.json_value(value) for value in column.to_pylist()] for column in picked.columns]
    entries = [
        {
            "row": row,
            "margin": float(found.margin[place]),
            "prediction": predictions[place],
            "features": _features(model, found.values[place], [column[place] for column in cells]),
        }
        for place, row in enumerate(rows)
    ]
    summary = _Summary(model)
    summary.add(found)
    return {**summary.result(explainer), "rows": entries}


def explain_all(
    *, model_path: str, digest: str, data_path: str, holdout: bytes | None, label: str | None, progress: Progress
) -> dict[str, Any]:
    """The mean absolute SHAP value of each column over the hold-out rows, or over all without ``holdout``.

    An empty label is for regressors; None takes the mean over the classes of a model with more than two.
    """
    explainer = loaded.explainer(model_path, digest)
    model = explainer.model
    data = table.read(data_path, model.signature.names)
    if holdout is not None:
        data = table.chosen(data, table.row_numbers(holdout))
    summary = _Summary(model)
    width = len(model.encoded_sources) * (explainer.outputs if label is None else 1)
    size = max(1, min(CHUNK, CHUNK_BYTES // (8 * max(1, width))))
    for start in range(0, data.num_rows, size):
        encoded = model.encode(table.frame(data.slice(start, size)))
        if label is None:
            summary.add(*explainer.explain(encoded))
        else:
            summary.add(explainer.of_class(encoded, label))
        done = min(start + size, data.num_rows)
        progress(done / data.num_rows, f"{done:,} rows")
    return {**summary.result(explainer), "rows": []}


class _Summary:
    """Adds up what is told of all explained rows."""

    def __init__(self, model: ScoringModel) -> None:
        self._model = model
        self._total = np.zeros(len(model.signature.names), dtype=np.float64)
        self._rows = self._outputs = 0
        self._error = 0.0
        self._base = 0.0

    def add(self, *found: Attribution) -> None:
        """Counts in the attributions of the same rows for one output or several."""
        for each in found:
            self._total += np.abs(each.values).sum(axis=0)
            self._error = max(self._error, each.additivity_error)
        self._base, self._outputs = found[0].base, len(found)
        self._rows += len(found[0].margin)

    def result(self, explainer: Explainer) -> dict[str, Any]:
        """What the contract tells of an explanation as a whole."""
        mean = self._total / max(1, self._rows * self._outputs)
        return {
            "method": explainer.method,
            "margin_scale": self._model.margin_scale,
            "precision": self._model.precision,
            "base_value": self._base,
            "additivity_error": self._error,
            "row_count": self._rows,
            "features": _features(self._model, mean, None),
        }


def _features(model: ScoringModel, values: np.ndarray, cells: Sequence[Any] | None) -> list[dict[str, Any]]:
    """One entry a column, the largest absolute value first, equals by the columns' order."""
    order = np.argsort(-np.abs(values), kind="stable")
    names = model.signature.names
    if cells is None:
        return [{"feature": names[k], "attribution": float(values[k])} for k in order]
    return [{"feature": names[k], "attribution": float(values[k]), "feature_value": cells[k]} for k in order]
