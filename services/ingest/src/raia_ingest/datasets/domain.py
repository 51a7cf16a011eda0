"""What a dataset is, and the rules on its names and versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from raia_ingest.errors import NotReady, Quarantined

PROCESSING = "processing"
READY = "ready"
FAILED = "failed"
ARCHIVED = "archived"
"""Its file and rows were deleted; what it was like is still known."""
CHECKING = "checking"
QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Column:
    """One column of a version."""

    name: str
    type: str
    original_name: str
    timezone: str = ""
    """"UTC" for datetimes that name an instant; empty otherwise."""
    description: str = ""
    """What it means, by the documents that are attached to the dataset."""


@dataclass(frozen=True)
class ReadOutcome:
    """What reading a file into rows gave; the rows lie in the object store."""

    file_type: str
    row_count: int
    column_count: int
    rejected_row_count: int
    schema_info: Mapping[str, Any]
    stored_key: str
    stored_sha256: str
    stored_bytes: int
    repaired_row_count: int = 0
    ledger_key: str | None = None
    """The entries of the ledger; None when every record is stored as it was."""


@dataclass(frozen=True)
class Version:
    """One version of a dataset: a file as it came and, once ready, its rows."""

    number: int
    status: str
    error: str
    filename: str
    file_type: str
    file_size: int
    sha256: str
    object_key: str
    job_id: int | None
    row_count: int | None
    column_count: int | None
    rejected_row_count: int
    schema_info: Mapping[str, Any] | None
    stored_key: str | None
    stored_sha256: str | None
    stored_bytes: int | None
    origin: Mapping[str, Any]
    """``kind`` ("upload", or the work that made it) and what it was made from."""
    repaired_row_count: int = 0
    ledger_key: str | None = None
    read_options: Mapping[str, Any] = field(default_factory=dict)
    """How the uploader wants the file to be read: ``part``, ``layout``, ``skip``, ``all_parts``."""
    created_by: UUID | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    archive: Mapping[str, Any] | None = None
    """The receipt of an archived version."""
    quality_gate: str = ""
    """"checking", "passed", "quarantined" or "released"; empty where no rule keeps versions back."""
    quality_gate_reason: str = ""
    quality_score: float | None = None
    """From 0 to 1, once its quality has been assessed."""

    @property
    def finished(self) -> bool:
        """Whether reading has ended, well or not."""
        return self.status != PROCESSING

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in order; none before it is ready."""
        found = (self.schema_info or {}).get("columns", [])
        return [
            Column(
                each["name"], each["type"], each["original_name"], each.get("timezone", ""), each.get("description", "")
            )
            for each in found
        ]

    @property
    def kept_back(self) -> bool:
        """Whether other services may not read it: its rules have not been run, or say that it must not be used."""
        return self.quality_gate in (CHECKING, QUARANTINED)

    def require_readable(self, dataset_id: UUID) -> None:
        """Raises ``NotReady`` unless the rows are there, and ``Quarantined`` when they are kept back."""
        self.require_ready(dataset_id)
        if self.quality_gate == CHECKING:
            raise Quarantined(
                f"version {self.number} of dataset {dataset_id} is being validated: wait until its rules have been run",
                reason="DATASET_UNCHECKED",
                metadata={"version": str(self.number)},
            )
        if self.quality_gate == QUARANTINED:
            raise Quarantined(
                f"version {self.number} of dataset {dataset_id} is in quarantine ({self.quality_gate_reason}): mend "
                "the data, name another version, or have it released",
                reason="DATASET_QUARANTINED",
                metadata={"version": str(self.number)},
            )

    def require_file(self, dataset_id: UUID) -> None:
        """Raises ``NotReady`` unless the file is there as it came."""
        if self.status == ARCHIVED:
            self.require_ready(dataset_id)

    def require_ready(self, dataset_id: UUID) -> None:
        """Raises ``NotReady`` unless the rows are there."""
        if self.status == READY:
            return
        advice = "wait until it is read" if self.status == PROCESSING else self.error
        raise NotReady(
            f"version {self.number} of dataset {dataset_id} is {self.status}: {advice}",
            reason="DATASET_NOT_READY",
            metadata={"status": self.status, "version": str(self.number)},
        )


@dataclass(frozen=True)
class Dataset:
    """A dataset, shown at one of its versions."""

    id: UUID
    name: str
    description: str
    project_id: UUID | None
    uploaded_by: UUID | None
    created_at: datetime
    updated_at: datetime
    revision: int
    version: Version
    tags: Sequence[str] = ()

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f"{self.revision}-{self.version.number}"


@dataclass(frozen=True)
class Upload:
    """A file that has been stored, uploaded or made by a job, and is about to become a version."""

    name: str
    description: str
    filename: str
    project_id: UUID | None
    object_key: str
    sha256: str
    file_size: int
    file_type: str
    origin: Mapping[str, Any] = field(default_factory=lambda: {"kind": "upload"})
    options: Mapping[str, Any] = field(default_factory=dict)
    """How the file is to be read: ``part``, ``layout``, ``skip``, ``all_parts``."""


def dataset_name(wanted: str, filename: str) -> str:
    """The name asked for, else the file's without its ending, else ``dataset``; white space at its ends is dropped."""
    stem = PurePosixPath(filename.replace("\\", "/")).stem
    return (wanted.strip() or stem.strip() or "dataset")[:255]


def base_filename(filename: str) -> str:
    """The last part of a file name, without any folder."""
    return PurePosixPath(filename.replace("\\", "/")).name[:500]
