"""What a report is compared with and joined to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from raia_ingest.datasets.domain import Column


@dataclass(frozen=True)
class Neighbour:
    """Another dataset of the organisation, at the version that it shows."""

    dataset_id: UUID
    name: str
    version: int
    columns: Sequence[Column]
    row_count: int
    stored_key: str
    stored_bytes: int


@dataclass(frozen=True)
class Predecessor:
    """The ready version before another."""

    version: int
    columns: Sequence[Column]
    row_count: int
    stored_key: str


def columns_in(schema_info: Mapping[str, Any] | None) -> list[Column]:
    """The columns that a version's schema lists."""
    found = (schema_info or {}).get("columns", [])
    return [Column(each["name"], each["type"], each["original_name"], each.get("timezone", "")) for each in found]
