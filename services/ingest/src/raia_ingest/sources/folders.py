"""Folders of the machine: which may be watched, and how they are read without ever leaving them."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from raia_ingest.sources import faults
from raia_ingest.sources.domain import Entry, Vanished, wanted

_CHUNK = 1 << 20
_MOST_ENTRIES = 200_000


def located(path: str, allowed: Sequence[str], org_id: UUID) -> tuple[Path, tuple[str, ...]]:
    """The allowed folder that holds ``path``, and the names that lead from it there.

    Looks at the texts alone. Raises ``PlaceInvalid`` for a path outside of every folder that is allowed.
    """
    roots = [Path(each.replace("{org_id}", str(org_id))) for each in allowed]
    if not roots:
        raise faults.place_invalid("folder.path", "no folder may be watched here: RAIA_WATCHED_FOLDERS names none")
    wished = PurePosixPath(path)
    if ".." in wished.parts or "\0" in path:
        raise faults.place_invalid("folder.path", "a path may not lead upwards: leave out every '..'")
    if not wished.is_absolute():
        return roots[0], wished.parts
    for root in roots:
        if wished.is_relative_to(root):
            return root, wished.relative_to(root).parts
    raise faults.place_invalid("folder.path", "this folder may not be watched: name one inside an allowed folder")


class WatchedFolder:
    """One folder. Links are never followed, so that nothing outside of it can be reached."""

    appears_whole = False

    def __init__(self, place: Mapping[str, Any], allowed: Sequence[str], org_id: UUID) -> None:
        self._root, self._parts = located(place.get("path", ""), allowed, org_id)
        self._recursive, self._include = bool(place.get("recursive")), list(place.get("include", []))

    def entries(self) -> Iterator[Entry]:
        """Every file by name, those of inner folders after those of the folder itself."""
        count = 0
        with self._opened() as folder:
            for within, folders, files, descriptor in os.fwalk(".", dir_fd=folder, onerror=self._refused):
                folders[:] = sorted(each for each in folders if not each.startswith(".")) if self._recursive else []
                for name in sorted(files):
                    entry = self._entry(within, name, descriptor) if wanted(name, self._include) else None
                    if entry is None:
                        continue
                    count += 1
                    if count > _MOST_ENTRIES:
                        raise faults.unreachable(str(self._root), f"it holds more than {_MOST_ENTRIES} files")
                    yield entry

    def read(self, key: str, fingerprint: str) -> Iterator[bytes]:
        """The bytes of a file, which must have the fingerprint before and after."""
        *folders, name = PurePosixPath(key).parts
        with self._opened() as top:
            opened: list[int] = []
            try:
                for each in folders:
                    opened.append(
                        os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=(opened or [top])[-1])
                    )
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                with os.fdopen(os.open(name, flags, dir_fd=(opened or [top])[-1]), "rb", buffering=0) as file:
                    _require(file.fileno(), fingerprint)
                    while chunk := file.read(_CHUNK):
                        yield chunk
                    _require(file.fileno(), fingerprint)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise Vanished from error
            except OSError as error:
                raise faults.unreachable(key, error.strerror or "it cannot be read") from error
            finally:
                for descriptor in opened:
                    os.close(descriptor)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
            for part in self._parts:
                outer = descriptor
                try:
                    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer)
                finally:
                    os.close(outer)
        except OSError as error:
            raise faults.unreachable("/".join(self._parts) or "the folder", error.strerror or "it is away") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _refused(self, error: OSError) -> None:
        raise faults.unreachable("/".join(self._parts) or "the folder", error.strerror or "it is away") from error

    def _entry(self, within: str, name: str, descriptor: int) -> Entry | None:
        try:
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError:
            return None  # removed meanwhile
        if not stat.S_ISREG(found.st_mode):
            return None
        key = (PurePosixPath(within) / name).as_posix()
        shown = key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        problem = "" if shown == key else "its name is not UTF-8: rename it"
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return Entry(shown, _fingerprint(found), found.st_size, modified, problem)


def _fingerprint(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}"


def _require(descriptor: int, fingerprint: str) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or _fingerprint(found) != fingerprint:
        raise Vanished
