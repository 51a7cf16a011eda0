"""Routing decisions and processing results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

PENDING = "pending"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
CLASSIFIER = "classifier"
PERSON = "person"


@dataclass(frozen=True)
class Routing:
    """Where a version belongs, who decided so, and on what evidence."""

    dataset_id: UUID
    version: int
    status: str
    category: str
    confidence: float
    scores: Mapping[str, float]
    evidence: Sequence[Mapping[str, Any]]
    decided_by: str
    error: str
    decided_at: datetime | None
    job_id: int | None

    @property
    def finished(self) -> bool:
        """Whether it was decided, or failed."""
        return self.status in {SUCCEEDED, FAILED}


@dataclass(frozen=True)
class ProcessingResult:
    """What one processor says of one version, or the work on it."""

    id: UUID
    dataset_id: UUID
    version: int
    processor: str
    category: str
    status: str
    progress: float
    error: str
    headline: str
    results: Mapping[str, Any] | None
    notes: Sequence[str]
    options: Mapping[str, Any]
    attempts: int
    job_id: int | None
    project_id: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in {PENDING, RUNNING}
