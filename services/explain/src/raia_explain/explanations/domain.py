"""What an explanation is, and which requests ask for the same one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

PENDING = "pending"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
SHAP = "shap"
FEATURE_IMPORTANCE = "feature_importance"
PERMUTATION = "permutation"
HOLDOUT = "holdout"
EVERY = "every"
EVERY_CLASS = "*"
_RETRY_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Subject:
    """What is explained, of which model version, on which rows: equal subjects have one explanation."""

    kind: str
    """``shap`` or ``feature_importance``."""
    method: str
    """``permutation`` or ``shap``."""
    model_id: UUID
    version: int
    digest: str
    dataset_id: UUID
    dataset_version: int
    scope: str
    """``rows``, ``holdout`` or ``every``."""
    rows: tuple[int, ...] = ()
    explained_class: str = ""
    target: str = ""

    @property
    def of_every_class(self) -> bool:
        """Whether it is the mean over all classes; SHAP values themselves are always of one."""
        return self.kind == FEATURE_IMPORTANCE and self.explained_class == EVERY_CLASS

    @property
    def parameter_digest(self) -> str:
        """The SHA-256 of everything that the result depends on."""
        parts = [self.kind, self.method, str(self.model_id), self.version, self.digest, str(self.dataset_id)]
        parts += [self.dataset_version, self.scope, list(self.rows), self.explained_class, self.target]
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True)
class Explanation:
    """An explanation, or the work on it."""

    id: UUID
    subject: Subject
    project_id: UUID | None
    status: str
    progress: float
    error: str
    job_id: int | None
    created_at: datetime
    completed_at: datetime | None
    duration_ms: float
    result: Mapping[str, Any] | None
    """What was computed, when it is kept in the table."""
    result_key: str | None
    """Where it lies, when it is kept as an object."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in (PENDING, RUNNING)

    def to_be_started_anew(self, now: datetime) -> bool:
        """Asking again starts a failed explanation when a minute has passed."""
        return self.status == FAILED and self.completed_at is not None and now - self.completed_at > _RETRY_AFTER
