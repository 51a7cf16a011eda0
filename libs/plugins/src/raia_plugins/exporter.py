"""Exporters: reports as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from raia_plugins.base import Plugin, Progress


@dataclass(frozen=True)
class Paragraph:
    """Text."""

    text: str
    """Plain text, to be escaped as the format needs."""


@dataclass(frozen=True)
class Table:
    """Rows and columns."""

    columns: Sequence[str]
    """The headers."""
    rows: Sequence[Sequence[str | int | float | bool | datetime | None]]
    """The cells, row by row."""
    caption: str = ""
    """What it shows."""


@dataclass(frozen=True)
class Figure:
    """A picture."""

    image: bytes = field(repr=False)
    """SVG or PNG."""
    media_type: str = "image/svg+xml"
    """"image/svg+xml" or "image/png"."""
    caption: str = ""
    """What it shows; also said to readers who cannot see it."""


Block: TypeAlias = Paragraph | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of a report."""

    title: str
    """Its heading."""
    blocks: Sequence[Block] = ()
    """What it holds, in order."""


@dataclass(frozen=True)
class Report:
    """What is to be exported."""

    title: str
    """The report's title."""
    sections: Sequence[Section]
    """Its parts, in order."""
    created_at: datetime
    """When it was made, with its zone."""
    author: str = ""
    """For whom it was made."""


@runtime_checkable
class Exporter(Plugin, Protocol):
    """Writes reports in one format; each call runs in a process of its own."""

    @property
    def media_type(self) -> str:
        """The format's media type."""

    @property
    def extension(self) -> str:
        """The ending of its files, without a dot."""

    def export(self, report: Report, target: Path, options: Mapping[str, Any], progress: Progress) -> None:
        """Writes the report to ``target``; raises ``PluginError`` when it cannot."""
