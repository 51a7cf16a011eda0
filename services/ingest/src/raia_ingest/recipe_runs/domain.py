"""What a run of a recipe and a binding are."""

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
REUSE = "reuse"
REFIT = "refit"


@dataclass(frozen=True)
class RecipeRun:
    """A recipe version applied to a dataset version."""

    id: UUID
    recipe_id: UUID
    recipe_version: int
    dataset_id: UUID
    dataset_version: int
    project_id: UUID | None
    target_name: str
    wanted_engine: str
    binding_id: UUID | None
    fitted_by_run_id: UUID | None
    joined: Sequence[tuple[UUID, int]]
    """The dataset versions that are joined."""
    status: str
    progress: float
    error: str
    engine: str
    job_id: int | None
    ledger: Mapping[str, Any] | None
    """``rows_read``, ``rows_written``, ``rows_removed``, ``removals``; None until it succeeded."""
    fitted: Sequence[Mapping[str, Any]] | None
    reasons: Sequence[Mapping[str, Any]]
    """Step and reason by the code that removed rows carry, from 1."""
    lineage_key: str
    removed_key: str
    output_dataset_id: UUID | None
    output_version: int
    created_by: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status not in (PENDING, RUNNING)


@dataclass(frozen=True)
class RunResult:
    """What a run that succeeded leaves beside the rows."""

    ledger: Mapping[str, Any]
    fitted: Sequence[Mapping[str, Any]]
    reasons: Sequence[Mapping[str, Any]]
    lineage_key: str
    removed_key: str
    output_dataset_id: UUID
    output_version: int


@dataclass(frozen=True)
class Binding:
    """A recipe that cleans each new version of a dataset."""

    id: UUID
    recipe_id: UUID
    recipe_version: int
    dataset_id: UUID
    target_name: str
    fitting: str
    last_run_id: UUID | None
    fitted_by_run_id: UUID | None
    """The first run that succeeded; its knowledge is used again."""
    created_by: UUID | None
    created_at: datetime


def default_target(name: str) -> str:
    """The name of the cleaned dataset, when none is asked for."""
    return f"{name[:247]} cleaned"


def record_of(row: int, ledger: Mapping[str, Any]) -> int:
    """The record of a file that a stored row was; 0 when the ledger does not name all rejections before it.

    Both count from 1; rejected records lie between those that were stored.
    """
    rejections = sorted(int(each["record"]) for each in ledger.get("rejections", []))
    record = row
    for rejected in rejections:
        if rejected > record:
            return record
        record += 1
    return record if len(rejections) >= int(ledger.get("rejected", 0)) else 0
