"""Retrievers: search engines for the passages of documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from raia_plugins.base import Plugin


@dataclass(frozen=True)
class Chunk:
    """A passage of a document."""

    id: str
    """Unique on the platform."""
    document_id: str
    """The document it belongs to."""
    text: str
    """The passage."""
    embedding: Sequence[float] = ()
    """Its embedding; empty when there is none."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Facts to filter by."""


@dataclass(frozen=True)
class Query:
    """What is sought."""

    text: str
    """The question."""
    embedding: Sequence[float] = ()
    """Its embedding; empty when there is none."""
    limit: int = 10
    """How many passages at most."""
    document_ids: Sequence[str] | None = None
    """Only passages of these documents; of all when None. What the user may not see is not in it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Only passages with all of these facts."""


@dataclass(frozen=True)
class Hit:
    """A passage that was found."""

    chunk_id: str
    """The passage."""
    score: float
    """How well it fits; higher is better, and comparable within one answer alone."""


@runtime_checkable
class Retriever(Plugin, Protocol):
    """Finds passages. Every call names the organisation; passages of another must never be found."""

    def configure(self, options: Mapping[str, Any]) -> None:
        """Called once before anything else, with values by ``options_schema``."""

    def put(self, org_id: str, chunks: Sequence[Chunk]) -> None:
        """Adds passages or replaces those with the same ids; found by searches that begin after it returns."""

    def delete(self, org_id: str, document_ids: Sequence[str]) -> None:
        """Forgets all passages of the documents; unknown ones are passed over."""

    def search(self, org_id: str, query: Query) -> Sequence[Hit]:
        """The passages that fit best, best first."""
