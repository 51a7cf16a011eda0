"""``raia keys``: the private keys and passwords that a deployment in containers needs, made once and kept."""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from raia_kit.contract import all_methods

from raia_launcher import service_keys
from raia_launcher.errors import LauncherError
from raia_launcher.home import Home

GATEWAY = "gateway"
_READABLE = 0o444


def services() -> list[str]:
    """The services of the contracts that have a database role: all but the gateway and what every service has."""
    return sorted({method.service for method in all_methods()} - {GATEWAY, "platform"})


def password_names(services: Sequence[str]) -> list[str]:
    """Names of the passwords in the ``.env`` file that each are 32 random bytes."""
    roles = [f"DATABASE_PASSWORD_{service.upper()}" for service in services]
    return ["POSTGRES_PASSWORD", *roles, "REDIS_PASSWORD", "S3_SECRET_KEY", "ADMIN_PASSWORD", "GRAFANA_PASSWORD"]


def write(folder: Path, services: Sequence[str]) -> list[str]:
    """Writes ``.env`` and ``secrets/`` into ``folder``; returns the names of what was missing and is new.

    ``services`` are those with a database role. What exists is never changed, so the command may run again after an
    upgrade that adds a service. Raises ``LauncherError`` when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        home = Home(folder.absolute())
        home.secrets.mkdir(mode=0o700, exist_ok=True)
        return _write_keys(home, [*services, GATEWAY]) + _write_environment(home, services)
    except OSError as error:
        raise LauncherError(f"{folder} cannot be written: {error.strerror}") from error


def _write_keys(home: Home, processes: Sequence[str]) -> list[str]:
    """The key pair of every process. Containers run as another user than the one who reads this folder: the folder's
    mode keeps others out, and the files inside it are readable where they are mounted."""
    new = [name for name in processes if not (home.secrets / f"{name}.jwk").exists()]
    for name in processes:
        service_keys.private_key_file(home, name).chmod(_READABLE)
    service_keys.public_keys_file(home, processes).chmod(_READABLE)
    return [f"secrets/{name}.jwk" for name in new]


def _write_environment(home: Home, services: Sequence[str]) -> list[str]:
    """Adds to ``.env`` the values that it lacks."""
    path = home.path / ".env"
    kept = path.read_text() if path.exists() else ""
    known = {line.partition("=")[0].strip() for line in kept.splitlines() if "=" in line}
    makers: dict[str, Callable[[], str]] = dict.fromkeys(password_names(services), _password)
    makers |= {"S3_ACCESS_KEY": lambda: secrets.token_hex(10), "ENVELOPE_KEY": service_keys.new_envelope_key}
    missing = [name for name in makers if name not in known]
    if missing:
        if kept and not kept.endswith("\n"):
            kept += "\n"
        _replace(path, kept + "".join(f"{name}={makers[name]()}\n" for name in missing))
    return [f"{name} in .env" for name in missing]


def _password() -> str:
    return secrets.token_urlsafe(32)


def _replace(path: Path, content: str) -> None:
    """Writes the whole file or leaves the old one; readable by its owner alone."""
    draft = path.with_name(f".env.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
