"""The settings of the raia command, and the only reader of its environment."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_OURS = {"RAIA_ADMIN_PASSWORD", "RAIA_ADMIN_EMAIL", "RAIA_DATABASE_ADMIN_URL", "RAIA_DATABASE_PASSWORDS"}


class LauncherSettings(BaseSettings):
    """What the raia command reads from the environment; what services read is passed on to them."""

    model_config = SettingsConfigDict(env_prefix="RAIA_", frozen=True, extra="ignore", use_attribute_docstrings=True)

    home: Path = Path(".raia")
    """Folder of everything that the embedded platform keeps: secrets, objects, logs, and where its database lies."""
    host: str = "127.0.0.1"
    """Address that REST and WebSockets are served on."""
    http_port: int = Field(default=8080, ge=0, le=65535)
    """Port of REST and WebSockets; 0 takes a free one."""
    admin_email: str = "admin@raia.local"
    """Address of the first administrator, made at the first start."""
    admin_password: SecretStr = SecretStr("")
    """Password of the first administrator; a random one is made and printed when empty."""
    journey: bool = True
    """Whether the first start of a new home takes a journey through the platform, as a demonstration."""
    start_seconds: float = Field(default=120.0, gt=0)
    """Seconds that the platform may take to become healthy before it is stopped again."""
    log_bytes: int = Field(default=10 * 1024**2, ge=64 * 1024)
    """Size at which a log file is rotated; three older ones are kept."""

    postgres_version: int = 18
    """Bundled PostgreSQL of a new home: 16 or 18."""
    database_admin_url: SecretStr = SecretStr("")
    """URL of an administrator of a PostgreSQL database to use instead of the bundled server."""
    database_passwords: dict[str, SecretStr] = {}
    """Passwords of the database roles by service name, as JSON; random ones are kept in RAIA_HOME when empty."""

    @property
    def reachable_host(self) -> str:
        """The address under which this machine reaches the gateway: loopback when it listens everywhere."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104

    @property
    def home_holds_objects(self) -> bool:
        """Whether objects lie in the home folder, which they do unless RAIA_OBJECTS_URL says otherwise."""
        return "RAIA_OBJECTS_URL" not in os.environ


def inherited_environment() -> dict[str, str]:
    """The environment for child processes: this one's, less what concerns the raia command alone."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}


def migration_input() -> tuple[str, dict[str, str]]:
    """What ``raia_launcher.migrate`` is given: the administrator's URL, and passwords of roles by service name."""
    prefix = "RAIA_MIGRATE_PASSWORD_"
    passwords = {name.removeprefix(prefix): value for name, value in os.environ.items() if name.startswith(prefix)}
    return os.environ["RAIA_MIGRATE_ADMIN_URL"], passwords
