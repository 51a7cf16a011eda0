"""One supervisor per home folder, also when the last one was killed."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO

import psutil

from raia_launcher.errors import LauncherError


class HomeLock:
    """A lock file that names its holder by process id and start time.

    A holder that was killed leaves the file behind; it is stale when no process has that id, or one that started at
    another time. While the file is looked at, the kernel's own lock on it keeps a second process away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> "HomeLock":
        """Raises ``LauncherError`` when another process holds it."""
        # A loop, because the holder removes the file as it ends: a lock on a removed file locks nothing.
        while True:
            file = self.path.open("a+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise self._held(holder(self.path)) from None
            if self.path.exists() and os.fstat(file.fileno()).st_ino == self.path.stat().st_ino:
                break
            file.close()
        if (other := holder(self.path)) is not None and other.pid != os.getpid():
            file.close()
            raise self._held(other)
        file.truncate(0)
        json.dump({"pid": os.getpid(), "started": psutil.Process().create_time()}, file)
        file.flush()
        self._file = file
        return self

    def __exit__(self, *_exception: object) -> None:
        self.path.unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _held(self, process: psutil.Process | None) -> LauncherError:
        number = f" as process {process.pid}" if process else ""
        return LauncherError(f"{self.path.parent} is in use: RAIA runs there{number}; 'raia down' ends it")


def holder(path: Path) -> psutil.Process | None:
    """The live process that holds the lock file; None when there is none or it is stale."""
    try:
        content = json.loads(path.read_text())
        process = psutil.Process(int(content["pid"]))
        # The kernel counts start times in hundredths of a second.
        return process if abs(process.create_time() - float(content["started"])) < 0.05 else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
