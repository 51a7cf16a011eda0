"""What may be changed of a dataset, and the rules on tags."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

FIELDS = ("name", "description", "tags", "project_id")
"""What may be changed, by its name in the contract."""


@dataclass(frozen=True)
class Change:
    """What somebody wants to change; what is not among ``fields`` stays as it is."""

    fields: frozenset[str]
    name: str
    description: str
    tags: tuple[str, ...]
    project_id: UUID | None


@dataclass(frozen=True)
class Tag:
    """A tag in use."""

    tag: str
    dataset_count: int


def tidied(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags without white space at their ends, each once, in alphabetical order; empty ones are dropped."""
    return tuple(sorted({tag.strip() for tag in tags} - {""}))
