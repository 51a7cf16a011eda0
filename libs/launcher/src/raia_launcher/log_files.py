"""Log files that programs write to directly and that are rotated under them."""

import shutil
from pathlib import Path
from typing import IO

_KEPT = 3


def open_log(folder: Path, name: str) -> IO[bytes]:
    """The log file of a program, for appending: every write goes to its end, also after it was cut short."""
    return (folder / f"{name}.log").open("ab", buffering=0)


def rotate(path: Path, limit: int) -> bool:
    """Copies a log of ``limit`` bytes or more aside and empties it; True if it did.

    Programs hold the file open and know nothing of rotation, so it is emptied rather than renamed; lines written
    between the copy and the cut are lost. Three older files are kept.
    """
    if not path.exists() or path.stat().st_size < limit:
        return False
    for number in range(_KEPT, 1, -1):
        older = path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
