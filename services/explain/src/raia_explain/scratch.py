"""Temporary folders, and what a killed process leaves of them."""

import os
import shutil
import tempfile
from pathlib import Path

_MARK = "raia-explain-"
SCRATCH_PREFIX = f"{_MARK}{os.getpid()}-"
"""Names of temporary folders tell whose they are."""


def clear_scratch(folder: Path | None) -> int:
    """Deletes the temporary folders of processes that are gone; returns how many."""
    cleared = 0
    for path in Path(folder or tempfile.gettempdir()).glob(f"{_MARK}*"):
        owner = path.name.removeprefix(_MARK).partition("-")[0]
        if path.is_dir() and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)
            cleared += 1
    return cleared
