"""What an upload in parts is, and when its parts are a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from raia_ingest.errors import parts_missing, too_large, upload_closed

OPEN = "open"
COMPLETING = "completing"
COMPLETED = "completed"
FAILED = "failed"
ABORTED = "aborted"
EXPIRED = "expired"


@dataclass(frozen=True)
class Part:
    """A part that has come."""

    number: int
    size: int
    sha256: str = ""
    object_key: str = ""
    """Where it lies; empty for one that went to the object store directly."""


@dataclass(frozen=True)
class UploadSession:
    """A file that comes in parts."""

    id: UUID
    created_by: UUID | None
    project_id: UUID | None
    name: str
    description: str
    filename: str
    file_size: int
    sha256: str
    options: Mapping[str, Any]
    direct: bool
    """Whether an address was signed for a part of it."""
    status: str
    error: str
    dataset_id: UUID | None
    version: int | None
    created_at: datetime
    expires_at: datetime
    parts: Sequence[Part] = field(default_factory=tuple)

    @property
    def received(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)

    def require_open(self) -> None:
        """Raises ``UploadClosed`` unless it takes parts."""
        if self.status != OPEN:
            raise upload_closed(self.status)

    def require_whole(self, limit: int) -> None:
        """Raises ``UploadClosed`` or ``TooLarge`` unless its parts are the whole file."""
        self.require_open()
        numbers = {part.number for part in self.parts}
        missing = [number for number in range(1, max(numbers, default=1) + 1) if number not in numbers]
        if missing:
            told = ", ".join(map(str, missing[:20]))
            raise parts_missing(f"parts {told} have not come: send them, then complete the upload", told)
        if self.file_size and self.received != self.file_size:
            raise parts_missing(
                f"{self.received:,} bytes have come, and the file has {self.file_size:,}: send what is missing"
            )
        if self.received > limit:
            raise too_large(limit, "the file is larger than allowed")
