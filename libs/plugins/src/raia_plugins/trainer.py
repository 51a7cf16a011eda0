"""Trainers: algorithms that make models of tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from raia_plugins.base import Plugin, Progress


@dataclass(frozen=True)
class TrainingRequest:
    """What to train on and how."""

    data: Path
    """A Parquet file with the training rows; read it, never write it."""
    validation: Path | None
    """A Parquet file with rows to stop early and to choose by; None to hold some back oneself."""
    target: str
    """The column to predict."""
    features: Sequence[str]
    """The columns to predict it from, in this order."""
    task: Literal["classification", "regression"]
    """What the target is."""
    folder: Path
    """An empty folder that the artefact is written to."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values by ``options_schema``."""
    seed: int = 0
    """The same seed, data and options give the same model."""
    time_limit: float = 3600.0
    """Seconds after which the work is killed."""
    threads: int = 1
    """How many threads it may use."""


@dataclass(frozen=True)
class TrainedModel:
    """A model as a file."""

    artifact: Path
    """The model's file, inside the request's folder."""
    format: Literal["onnx", "xgboost", "lightgbm", "catboost", "skops"]
    """How it is written; pickles are refused."""
    classes: Sequence[str | int | bool] = ()
    """Classification: the classes, in the order of the model's probabilities."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What the trainer measured itself; the platform evaluates every model anew."""


@runtime_checkable
class Trainer(Plugin, Protocol):
    """Trains models; each call runs in a process of its own."""

    @property
    def tasks(self) -> Sequence[str]:
        """The tasks it can do: "classification", "regression"."""

    def train(self, request: TrainingRequest, progress: Progress) -> TrainedModel:
        """Trains one model; raises ``PluginError`` when the data does not allow it."""
