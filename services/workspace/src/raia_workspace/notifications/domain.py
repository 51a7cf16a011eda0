"""What a notification is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Told:
    """What one event tells, whoever is told."""

    event_id: UUID
    type: str
    severity: str
    title: str
    message: str
    resource_type: str
    resource_id: str
    data: Mapping[str, Any]
    """Facts of the event as JSON values."""


@dataclass(frozen=True)
class Notification:
    """One notification of one user."""

    id: UUID
    user_id: UUID
    told: Told
    created_at: datetime
    read_at: datetime | None

    @property
    def read(self) -> bool:
        """Whether the user has marked it read."""
        return self.read_at is not None
