"""The compute function that predicts, keeping the models it has loaded."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from raia_scoring import ScoringModel, load, rows_to_frame

_MOST_MODELS = 4
_models: "OrderedDict[str, ScoringModel]" = OrderedDict()


def predict(path: str, sha256: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry a row: prediction, confidence (None for a regressor), probabilities by class, warnings.

    Raises ``RowInvalid``, and ``ArtefactInvalid`` when the file at ``path`` is not the model with that digest.
    """
    model = _model(path, sha256)
    frame, warnings = rows_to_frame(rows, model.signature)
    if model.kind == "regression":
        return [
            {"prediction": float(value), "confidence": None, "probabilities": {}, "warnings": odd}
            for value, odd in zip(model.predict(frame), warnings, strict=True)
        ]
    probabilities = model.predict_proba(frame)
    return [
        {
            "prediction": str(label),
            "confidence": float(of_row.max()),
            "probabilities": dict(zip(model.classes, of_row.tolist(), strict=True)),
            "warnings": odd,
        }
        for label, of_row, odd in zip(model.labels(probabilities), probabilities, warnings, strict=True)
    ]


def _model(path: str, sha256: str) -> ScoringModel:
    """The model, loaded once; the least recently used one makes room."""
    model = _models.pop(sha256, None)
    if model is None:
        model = load(path, sha256)
        while len(_models) >= _MOST_MODELS:
            _models.popitem(last=False)
    _models[sha256] = model
    return model
