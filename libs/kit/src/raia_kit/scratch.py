"""Temporary folders of a service, and what a killed process leaves of them."""

import os
import shutil
import tempfile
from pathlib import Path


def scratch_prefix(service: str) -> str:
    """How the names of this process's temporary folders begin: they tell whose they are."""
    return f"raia-{service}-{os.getpid()}-"


def clear_scratch(service: str, folder: Path | None) -> int:
    """Deletes the service's temporary folders of processes that are gone; returns how many.

    ``folder`` is where they lie, the system's when None.
    """
    mark, cleared = f"raia-{service}-", 0
    for path in Path(folder or tempfile.gettempdir()).glob(f"{mark}*"):
        owner = path.name.removeprefix(mark).partition("-")[0]
        if path.is_dir() and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)
            cleared += 1
    return cleared
