"""What a prediction is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Made:
    """What a model answered for one row."""

    input_data: Mapping[str, Any]
    prediction: str | float
    confidence: float | None
    probabilities: Mapping[str, float]
    warnings: Sequence[str]


@dataclass(frozen=True)
class Prediction(Made):
    """A prediction as it is kept."""

    id: UUID
    timestamp: datetime
