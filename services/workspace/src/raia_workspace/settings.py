"""The settings of workspace."""

from typing import ClassVar

from pydantic import Field
from raia_kit.settings import ServiceSettings


class WorkspaceSettings(ServiceSettings):
    """Limits on exports."""

    service: ClassVar[str] = "workspace"

    export_time_limit: float = Field(default=1800, gt=0)
    """Seconds that making an export may take."""
    explanation_patience: float = Field(default=300, gt=0)
    """Seconds that an export waits for a profile or explanation that is still being computed."""
