"""What a watched source is, and the rules on its place and its items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol
from uuid import UUID

FOLDER = "folder"
OBJECTS = "objects"

STOPPED = "stopped"
LOOKING = "looking"
RESTING = "waiting"
FAILING = "failed"

WAITING = "waiting"
PENDING = "pending"
TAKEN = "taken"
UNCHANGED = "unchanged"
FAILED = "failed"
GONE = "gone"

_LONGEST_PAUSE = 3600
_BEING_WRITTEN = ("*.tmp", "*.part", "*.partial", "*.crdownload", "*~")


@dataclass(frozen=True)
class SourceSpec:
    """What a person says of a source."""

    name: str
    kind: str
    dataset_name: str
    profile: bool
    poll_seconds: int
    settle_seconds: int
    place: Mapping[str, Any]
    """``path``, ``recursive`` and ``include`` of a folder; ``url``, ``options`` and ``include`` of an object store."""


@dataclass(frozen=True)
class Source:
    """A place that is looked at again and again."""

    id: UUID
    spec: SourceSpec
    project_id: UUID | None
    enabled: bool
    sealed: bytes | None
    """Its credentials, encrypted."""
    credential_names: Sequence[str]
    status: str
    error: str
    failures: int
    polled_at: datetime | None
    next_poll_at: datetime | None
    poll_job_id: int | None
    """The job of the next look, or of the one under way: the only one that may have an effect."""
    poll_again: bool
    """Another look was asked for while one was under way."""
    taken_count: int
    failed_count: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    revision: int

    @property
    def etag(self) -> str:
        """Changes with every change by a person."""
        return str(self.revision)

    def pause_after_failure(self) -> int:
        """Seconds until the next look after one more that failed: twice as long with each, up to an hour."""
        return min(_LONGEST_PAUSE, self.spec.poll_seconds << min(self.failures, 12))


@dataclass(frozen=True)
class Entry:
    """A file as a look sees it."""

    key: str
    fingerprint: str
    """Tells one state of the file from another."""
    size: int
    modified_at: datetime
    problem: str = ""
    """Why it can never be taken."""


@dataclass(frozen=True)
class Item:
    """A file that a source has seen."""

    id: UUID
    source_id: UUID
    key: str
    fingerprint: str
    status: str
    error: str
    size: int
    sha256: str
    dataset_id: UUID | None
    version: int
    attempts: int
    job_id: int | None
    modified_at: datetime
    seen_at: datetime
    created_at: datetime
    completed_at: datetime | None
    project_id: UUID | None


class Vanished(Exception):
    """The file was removed or changed since it was seen; the next look tells what it is now."""


class Place(Protocol):
    """Where files are."""

    appears_whole: bool
    """Whether a file is complete from the moment it can be seen."""

    def entries(self) -> Iterator[Entry]:
        """Every file, in the order in which they are to be taken; raises ``PlaceUnreachable``."""

    def read(self, key: str, fingerprint: str) -> Iterator[bytes]:
        """The bytes of a file; raises ``Vanished`` unless they are those of that state, and ``PlaceUnreachable``."""


def wanted(name: str, include: Sequence[str]) -> bool:
    """Whether a file of this name is to be taken."""
    if not name or name.startswith(".") or any(fnmatchcase(name.lower(), each) for each in _BEING_WRITTEN):
        return False
    return not include or any(fnmatchcase(name, pattern) for pattern in include)
