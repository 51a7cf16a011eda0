"""Explainers: why a model predicts what it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from raia_plugins.base import Plugin, Progress


@runtime_checkable
class Predictor(Protocol):
    """The model to explain, as a function of rows."""

    def __call__(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[float]]:
        """One list a row: the probability of each class, or the one predicted number."""


@dataclass(frozen=True)
class ExplanationRequest:
    """What to explain."""

    predict: Predictor
    """The model."""
    features: Sequence[str]
    """The columns of every row, in order."""
    background: Sequence[Sequence[Any]]
    """Rows that stand for what is usual."""
    rows: Sequence[Sequence[Any]]
    """The rows whose predictions are to be explained."""
    output: int = 0
    """Which of the model's outputs: a class by its place, 0 for a number."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values by ``options_schema``."""
    seed: int = 0
    """The same seed gives the same explanation."""


@dataclass(frozen=True)
class Explanation:
    """How much each feature moved each prediction."""

    base_value: float
    """What is predicted when nothing is known of the row."""
    contributions: Sequence[Sequence[float]]
    """One list a row, one number a feature; with ``base_value`` they add up to the prediction if ``additive``."""
    additive: bool = True
    """Whether they add up."""
    fidelity: float | None = None
    """How well the explanation stands for the model, from 0 to 1; None when it is exact."""


@runtime_checkable
class Explainer(Plugin, Protocol):
    """Explains predictions; each call runs in a process of its own."""

    def explain(self, request: ExplanationRequest, progress: Progress) -> Explanation:
        """Explains the rows; raises ``PluginError`` when the model or the data does not allow it."""
