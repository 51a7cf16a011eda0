"""Processors: readers of file formats, which make tables of files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from raia_plugins.base import Plugin, Progress


@dataclass(frozen=True)
class FileSample:
    """What is known of a file before it is read."""

    filename: str
    """Its name as it was uploaded; a hint and no more."""
    head: bytes
    """Its first bytes, at most 64 KiB."""
    size: int
    """Its size in bytes."""


@dataclass(frozen=True)
class ProcessingRequest:
    """What to read and where to write the table."""

    source: Path
    """The file as it came; read it, never write it."""
    filename: str
    """Its name as it was uploaded."""
    target: Path
    """The Parquet file to write. Rows are written in parts: the file may be larger than memory."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values by ``options_schema``."""
    memory_bytes: int = 1024**3
    """How much memory the work may take before it is killed."""


@dataclass(frozen=True)
class Rejection:
    """A record that is not in the table as it stood in the file."""

    position: int
    """The record's number in the file, from 1."""
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True)
class Processed:
    """What became of a file."""

    row_count: int
    """Rows written."""
    rejected_count: int = 0
    """Records that were left out or changed."""
    rejections: Sequence[Rejection] = ()
    """The first of them, at most 1,000."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """How the file was read: encoding, delimiter, sheet."""


@runtime_checkable
class Processor(Plugin, Protocol):
    """Reads one kind of file; each call of ``process`` runs in a process of its own."""

    def confidence(self, sample: FileSample) -> float:
        """How sure it is, from 0 to 1, that it can read the file; the surest is asked. Quick, from the sample alone."""

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Writes the file's rows to ``request.target``; raises ``PluginError`` when the file cannot be read."""
