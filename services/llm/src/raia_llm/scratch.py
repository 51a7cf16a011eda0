"""Temporary folders, and what a killed process leaves of them."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raia_kit.errors import ResourceExhausted

_MARK = "raia-llm-"


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A temporary folder whose name tells which process it belongs to; gone at the end.

    Raises ``ResourceExhausted`` (``STORAGE_FULL``) when there is no room for what is written meanwhile.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f"{_MARK}{os.getpid()}-", dir=parent) as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        full = "storage is full; nothing was written"
        raise ResourceExhausted(full, reason="STORAGE_FULL", retry_after=60.0) from error


def clear_scratch(parent: Path | None) -> int:
    """Deletes the temporary folders of processes that are gone; returns how many."""
    cleared = 0
    for path in Path(parent or tempfile.gettempdir()).glob(f"{_MARK}*"):
        owner = path.name.removeprefix(_MARK).partition("-")[0]
        if path.is_dir() and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)
            cleared += 1
    return cleared
