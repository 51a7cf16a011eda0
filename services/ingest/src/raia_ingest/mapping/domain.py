"""What a mapping is, what people say about its columns, and which of their words count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as member
from datetime import datetime
from typing import Any
from uuid import UUID

from raia_ingest.mapping import faults

PENDING, RUNNING, READY, FAILED, CANCELLED = "pending", "running", "ready", "failed", "cancelled"
SUGGESTED, AUTO_ACCEPTED, ACCEPTED, CORRECTED, NONE = "suggested", "auto_accepted", "accepted", "corrected", "none"
GOING = (AUTO_ACCEPTED, ACCEPTED, CORRECTED)
"""The states of columns that go into a field."""
ACCEPT_AT = 0.65
OFF = "off"


@dataclass(frozen=True)
class DatasetMapping:
    """The mapping of one dataset version to one schema."""

    id: UUID
    dataset_id: UUID
    dataset_version: int
    schema_id: UUID
    project_id: UUID | None
    status: str
    progress: float
    error: str
    job_id: int | None
    column_count: int
    accepted_count: int
    open_count: int
    feedback_version: int
    accept_at: float
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def finished(self) -> bool:
        """Whether the suggestion has ended."""
        return self.status not in (PENDING, RUNNING)

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.revision)

    def require_ready(self) -> None:
        """Raises ``MappingNotReady`` unless there is a suggestion."""
        if self.status != READY:
            raise faults.not_ready(self.status, self.error)


@dataclass(frozen=True)
class ColumnMapping:
    """One column of a mapping."""

    position: int
    name: str
    status: str
    field: str
    summary: Mapping[str, Any]
    candidates: Sequence[Mapping[str, Any]] = ()
    no_match: float = 1.0
    conversion: Mapping[str, Any] = member(default_factory=dict)
    algorithms: Sequence[Mapping[str, Any]] = ()
    first: str = ""
    """The likeliest field when the mapping was suggested; empty for "no match"."""
    decided_by: UUID | None = None
    decided_at: datetime | None = None

    @property
    def goes(self) -> bool:
        """Whether it goes into a field."""
        return self.status in GOING

    @property
    def likeliest(self) -> str:
        """The field that an acceptance without a field means; empty when there is none."""
        return self.field or (str(self.candidates[0]["field"]) if self.candidates else "")

    def without(self, rejected: str) -> "ColumnMapping":
        """The column after somebody said that it does not go into a field."""
        left = tuple(each for each in self.candidates if each["field"] != rejected)
        if self.field == rejected:
            return replace(self, candidates=left, status=SUGGESTED, field="", conversion={}, algorithms=())
        return replace(self, candidates=left)


@dataclass(frozen=True)
class Decision:
    """What a person says of one column."""

    column: str
    decision: str
    field: str = ""
    values: Mapping[str, str] = member(default_factory=dict)
    source_unit: str = ""
    date_format: str = ""
    choices: Mapping[str, str] = member(default_factory=dict)

    @property
    def verdict(self) -> str:
        """As feedback has it."""
        return {"reject": "rejected", "none": "none"}.get(self.decision, "accepted")


@dataclass(frozen=True)
class Feedback:
    """A decision as it is kept."""

    version: int
    mapping_id: UUID
    column: str
    verdict: str
    field: str
    content: Mapping[str, Any]
    """``summary`` of the column, and what else was said: ``values``, ``source_unit``, ``date_format``, ``choices``."""
    created_by: UUID | None
    created_at: datetime

    def verdict_document(self) -> dict[str, Any]:
        """As the matcher takes it."""
        return {
            "column": self.content["summary"],
            "field": self.field,
            "verdict": self.verdict,
            **{name: value for name, value in self.content.items() if name != "summary"},
        }


def effective(feedback: Sequence[Feedback]) -> list[Feedback]:
    """The feedback that counts, oldest first: of what was said of a column of one mapping the last word, and a
    rejection only while nobody has accepted the very field for it later."""
    found: list[Feedback] = []
    settled: set[tuple[UUID, str]] = set()
    rejected: set[tuple[UUID, str, str]] = set()
    accepted: set[tuple[UUID, str, str]] = set()
    for each in sorted(feedback, key=lambda item: -item.version):
        subject = (each.mapping_id, each.column)
        about = (*subject, each.field)
        if each.verdict == "rejected":
            if about not in accepted and about not in rejected:
                rejected.add(about)
                found.append(each)
        elif subject not in settled:
            settled.add(subject)
            accepted.add(about)
            if about not in rejected:
                found.append(each)
    return found[::-1]
