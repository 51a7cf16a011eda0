"""What an export is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from raia_workspace.errors import NotReady

PENDING = "pending"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
PDF, JSON = "pdf", "json"
CONTENT_TYPES: Mapping[str, str] = {PDF: "application/pdf", JSON: "application/json"}


@dataclass(frozen=True)
class Stored:
    """The file of an export that has succeeded."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Export:
    """One export of a model version's governance record, or the work on it."""

    id: UUID
    format: str
    status: str
    progress: float
    error: str
    model_id: UUID
    version: int
    filename: str
    job_id: int | None
    created_by: UUID
    created_at: datetime
    completed_at: datetime | None
    omissions: Sequence[str]
    stored: Stored | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in (PENDING, RUNNING)

    def require_file(self) -> Stored:
        """The file; raises ``NotReady`` (EXPORT_NOT_READY) while there is none."""
        if self.stored is not None:
            return self.stored
        advice = "wait until it has succeeded" if not self.finished else self.error or "start another"
        raise NotReady(
            f"export {self.id} is {self.status}: {advice}", reason="EXPORT_NOT_READY", metadata={"status": self.status}
        )


def filename(model_name: str, version: int, format_: str) -> str:
    """The name that the file is downloaded under: plain letters, whatever the model is called."""
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", model_name).strip("-._")[:100] or "model"
    return f"{stem}-v{version}-governance-record.{format_}"
