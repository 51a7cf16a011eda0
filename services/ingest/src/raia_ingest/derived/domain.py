"""What is derived from a version, and when it is derived again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

PENDING = "pending"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
_RETRY_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Derived:
    """A result about one version, or the work on it."""

    id: UUID
    dataset_id: UUID
    version: int
    status: str
    progress: float
    error: str
    job_id: int | None
    created_at: datetime
    completed_at: datetime | None
    result: Mapping[str, Any] | None
    """What was computed; None until it succeeded."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in (PENDING, RUNNING)

    def to_be_started_anew(self, now: datetime) -> bool:
        """Asking again starts what was cancelled at once, and what failed when a minute has passed."""
        if self.status == CANCELLED:
            return True
        return self.status == FAILED and self.completed_at is not None and now - self.completed_at > _RETRY_AFTER
