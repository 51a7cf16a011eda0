"""Data quality reports and issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from raia_ingest.derived.domain import Derived

SHOWN_ISSUES = 100
"""Issues that a report itself shows."""


@dataclass(frozen=True)
class Report(Derived):
    """An assessment of a version, or the work on it. ``result`` is the report's content but for its issues."""

    quality_score: float | None = None


@dataclass(frozen=True)
class Issue:
    """Something wrong with the data, or likely so."""

    id: UUID
    kind: str
    severity: str
    dimension: str
    column: str
    count: int
    fraction: float
    content: Mapping[str, Any]
    """message, recommendation, examples and rule_id."""
