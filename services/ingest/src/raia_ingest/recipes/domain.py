"""What a recipe is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Recipe:
    """A recipe, shown at one of its versions."""

    id: UUID
    name: str
    description: str
    project_id: UUID | None
    latest_version: int
    revision: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int
    steps: Sequence[dict[str, Any]]
    """Each a JSON object of its kind, its parameters, and why it is there."""
    change_note: str
    restored_version: int
    version_created_at: datetime
    version_created_by: UUID | None

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.revision)


@dataclass(frozen=True)
class RecipeVersion:
    """What a new version holds."""

    steps: Sequence[dict[str, Any]]
    change_note: str = ""
    restored_version: int = 0


@dataclass(frozen=True)
class RecipeChange:
    """What an update changes; None is left as it is."""

    name: str | None = None
    description: str | None = None
    version: RecipeVersion | None = None
