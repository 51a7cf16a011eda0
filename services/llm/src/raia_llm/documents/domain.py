"""What a document is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

PROCESSING = "processing"
READY = "ready"
FAILED = "failed"


@dataclass(frozen=True)
class Document:
    """One document: a file as it came and, once ready, its text and passages."""

    id: UUID
    project_id: UUID | None
    filename: str
    file_type: str
    file_size: int
    sha256: str
    object_key: str
    text_key: str | None
    status: str
    error: str
    content: str
    """The beginning of the text; empty where it was not asked for."""
    metadata: Mapping[str, Any]
    character_count: int
    chunk_count: int
    job_id: int | None
    uploaded_by: UUID | None
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.revision)


@dataclass(frozen=True)
class Upload:
    """A file that has been stored and is about to become a document."""

    filename: str
    project_id: UUID | None
    object_key: str
    sha256: str
    file_size: int
    file_type: str


@dataclass(frozen=True)
class Reading:
    """What reading a file gave."""

    file_type: str
    metadata: Mapping[str, Any]
    content: str
    character_count: int
    chunk_count: int
    text_key: str
    embedder: str
    """The name of the embedder that made the vectors."""


_TYPES = {
    "pdf": "pdf", "html": "html", "htm": "html", "xhtml": "html", "docx": "docx", "md": "markdown",
    "markdown": "markdown", "mdown": "markdown", "mkd": "markdown",
}  # fmt: skip


def type_by_name(filename: str) -> str:
    """What the name promises, until the file is read."""
    return _TYPES.get(filename.lower().rpartition(".")[2], "text")


def base_filename(filename: str) -> str:
    """The last part of a file name, without any folder; "document" when there is none."""
    return PurePosixPath(filename.replace("\\", "/").replace("\0", "")).name.strip()[:500] or "document"
