"""The settings of the auth service; the only reader of its environment."""

import json
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from raia_kit.settings import ServiceSettings


class AuthSettings(ServiceSettings):
    """What the auth service reads from the environment beside what every process does."""

    service: ClassVar[str] = "auth"

    envelope_key: SecretStr = SecretStr("")
    """32 random bytes in base64 under which the private signing keys are sealed at rest; needed."""
    envelope_previous_keys: tuple[SecretStr, ...] = ()
    """Envelope keys used before, as JSON: what they sealed is sealed anew under envelope_key."""
    service_keys_file: Path | None = None
    """JSON file of the services' public Ed25519 JWKs by service name, by which their assertions are verified."""

    session_days: float = Field(default=30.0, gt=0, le=365)
    """Days after which a user must sign in again."""
    session_idle_days: float = Field(default=14.0, gt=0, le=365)
    """Days without a refresh after which a user must sign in again."""
    registration_open: bool = True
    """Whether anybody may register, with an organisation of their own; otherwise administrators create users."""
    sign_in_failure_seconds: float = Field(default=0.35, ge=0, le=10)
    """Seconds that a refused sign-in takes at least, so that its time tells nothing about the account."""
    hashing_concurrency: int = Field(default=0, ge=0, le=256)
    """Passwords hashed at once, 19 MiB each; 0 is one per CPU."""

    admin_email: str = ""
    """Address of the first administrator, created with an organisation at the first start; nobody is when empty."""
    admin_password: SecretStr = SecretStr("")
    """Password of the first administrator; used at the first start alone."""
    admin_organisation: str = "RAIA"
    """Name of the first administrator's organisation."""

    @property
    def envelope_keys(self) -> list[str]:
        """The envelope key and those used before, the current one first."""
        keys = [self.envelope_key, *self.envelope_previous_keys]
        return [key.get_secret_value() for key in keys if key.get_secret_value()]

    @cached_property
    def service_keys(self) -> dict[str, dict[str, str]]:
        """The services' public keys by name; raises ``OSError`` or ``ValueError`` when the file is not readable."""
        if self.service_keys_file is None:
            return {}
        keys = json.loads(self.service_keys_file.read_text())
        if not isinstance(keys, dict) or any("d" in key for key in keys.values()):
            raise ValueError(f"{self.service_keys_file} must hold public keys by service name")
        return keys
