"""The folder that holds everything of one embedded platform: secrets, objects, logs and where its database lies."""

import os
import pwd
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from raia_launcher.errors import LauncherError

SYSTEM_ROOT = Path("/var/lib/raia")
"""Where databases lie when the platform runs as root: a place that the database's own user can reach."""


@dataclass(frozen=True)
class Home:
    """``RAIA_HOME`` and the names inside it."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Home":
        """Makes the folder and its parts if they are missing; raises ``LauncherError`` when it is not ours to write."""
        home = cls(path.absolute())
        try:
            home.path.mkdir(parents=True, exist_ok=True)
            for folder in (home.secrets, home.objects, home.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            write_new(home.instance_file, secrets.token_hex(8) + "\n")
            # mkdir succeeds on a folder of somebody else's, so only a write tells whether this user may run here.
            probe = home.secrets / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise LauncherError(f"RAIA_HOME {home.path} cannot be written: {error.strerror}") from error
        return home

    @property
    def secrets(self) -> Path:
        """Passwords and private keys, one file each, mode 600."""
        return self.path / "secrets"

    @property
    def objects(self) -> Path:
        """The object store's folder."""
        return self.path / "objects"

    @property
    def watched(self) -> Path:
        """A folder for each organisation, by its id, in which its watched sources lie."""
        return self.path / "watched"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.path / "logs"

    @property
    def instance_file(self) -> Path:
        """Holds the random id of this installation."""
        return self.path / "instance"

    @property
    def lock_file(self) -> Path:
        """Held by the running supervisor."""
        return self.path / "raia.lock"

    @property
    def services_file(self) -> Path:
        """gRPC addresses of the running platform's services by name, as JSON."""
        return self.path / "services.json"

    @property
    def instance(self) -> str:
        """The random id of this installation."""
        return self.instance_file.read_text().strip()

    def secret(self, name: str) -> str:
        """The password of this name; made at random at the first call."""
        path = self.secrets / name
        write_new(path, secrets.token_urlsafe(32))
        return path.read_text()

    def database_place(self) -> Path:
        """The folder of the database's binaries and data, named by ``RAIA_HOME/postgres``.

        As an ordinary user that is the folder itself; as root it is a link to ``/var/lib/raia/<instance>``, because
        the database runs as its own user, who must be able to reach it. Raises ``LauncherError`` when the database was
        made by another kind of user.
        """
        name = self.path / "postgres"
        as_root = os.geteuid() == 0
        if name.is_dir() and not name.is_symlink() and as_root:
            owner = name.stat().st_uid
            with suppress(KeyError):
                raise LauncherError(f"{self.path} belongs to {pwd.getpwuid(owner).pw_name}: run as that user")
            raise LauncherError(f"{self.path} belongs to user id {owner}: run as that user")
        if not as_root:
            if name.is_symlink():
                raise LauncherError(f"{self.path} was made by root: run as root, or use another RAIA_HOME")
            name.mkdir(mode=0o700, exist_ok=True)
            return name
        place = SYSTEM_ROOT / self.instance
        SYSTEM_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        self._claim(place)
        if name.is_symlink() and name.readlink() != place:
            name.unlink()
        if not name.is_symlink():
            name.symlink_to(place)
        return place

    def _claim(self, place: Path) -> None:
        """Writes into the place whose it is; a copied home folder would otherwise share its original's database."""
        claim = place / "home"
        other = Path(claim.read_text()) if claim.exists() else self.path
        if other != self.path and Home(other).instance_file.exists() and Home(other).instance == self.instance:
            raise LauncherError(
                f"{self.path} is a copy of {other}: use raia backup and raia restore to copy a platform"
            )
        claim.write_text(str(self.path))

    def forsaken_places(self) -> list[Path]:
        """Database folders in ``/var/lib/raia`` whose home folder is gone; only root has such."""
        if os.geteuid() != 0 or not SYSTEM_ROOT.is_dir():
            return []
        found = []
        for place in sorted(SYSTEM_ROOT.iterdir()):
            claim = place / "home"
            if claim.exists():
                home = Home(Path(claim.read_text()))
                if not home.instance_file.exists() or home.instance != place.name:
                    found.append(place)
        return found

    def free_bytes(self) -> int:
        """Free space of the disk below the home folder, in bytes."""
        return shutil.disk_usage(self.path).free


def write_new(path: Path, content: str, *, mode: int = 0o600) -> bool:
    """Writes ``content`` unless the file exists; all of it or nothing, also when the process dies; True if written."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
