"""The settings of workspace."""

from typing import ClassVar

from raia_kit.settings import ServiceSettings


class WorkspaceSettings(ServiceSettings):
    """Nothing beyond what every service has, yet."""

    service: ClassVar[str] = "workspace"
