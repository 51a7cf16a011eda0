"""What a training run is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = "pending", "running", "succeeded", "failed", "cancelled"
DEFAULT_TEST_FRACTION = 0.25
DEFAULT_FOLDS = 5


@dataclass(frozen=True)
class Order:
    """What was asked for, complete: every default filled in."""

    dataset_id: UUID
    dataset_version: int
    target: str
    algorithm: str
    plan: Mapping[str, Any]
    """What the worker is told: target, task, algorithm, parameters as given, excluded, split, folds, seed, class; and
    the columns that are read for it, all when none is named."""
    parameters: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Run(Order):
    """One training of one model version."""

    id: UUID
    status: str
    progress: float
    message: str
    error: str
    version: int
    warnings: Sequence[str]
    job_id: int | None
    model_id: UUID
    model_name: str
    project_id: UUID | None
    created_by: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status not in (PENDING, RUNNING)
