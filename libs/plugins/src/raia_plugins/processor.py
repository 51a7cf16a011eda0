"""Processors: turn the rows of a routed file into what people of its field want to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from raia_plugins.base import Plugin, Progress


@dataclass(frozen=True)
class ColumnInfo:
    """A column of the rows."""

    name: str
    """As users know it. In the Parquet file the columns stand in the same order; read them by position."""
    type: str
    """"integer", "float", "boolean", "string", "date", "datetime", "time" or "null"."""


@dataclass(frozen=True)
class ProcessingRequest:
    """What to read."""

    source: Path
    """The rows as Parquet; read it, never write it. It may be larger than memory."""
    columns: Sequence[ColumnInfo]
    """The columns of the file, in its order."""
    filename: str
    """The name of the file that the rows came in; a hint and no more."""
    scratch: Path
    """A folder of this call's own, removed afterwards."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values by ``options_schema``."""
    memory_bytes: int = 1024**3
    """How much memory the work may take before it is killed."""


@dataclass(frozen=True)
class Processed:
    """What the rows say."""

    headline: str
    """The main figure in a sentence, which a notification shows."""
    results: Mapping[str, Any]
    """JSON values by name: figures, and tables as lists of objects; 1 MiB at most."""
    notes: Sequence[str] = ()
    """What was assumed, and what could not be computed and why."""


@runtime_checkable
class Processor(Plugin, Protocol):
    """Processes the files that are routed to its category; each call runs in a process of its own."""

    @property
    def category(self) -> str:
        """The category whose files it is given: "sales", "inventory", "sensor", "policy", "claims", "general"."""

    def process(self, request: ProcessingRequest, progress: Progress) -> Processed:
        """Computes the results; raises ``PluginError`` when the rows lack what it needs, naming it."""
