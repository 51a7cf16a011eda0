"""Files fetched from other services, kept on disk by their content's digest while there is room."""

import hashlib
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from raia_kit.errors import ResourceExhausted
from raia_kit.ids import new_id
from raia_kit.scratch import scratch_prefix

from raia_explain.errors import TransferBroken


class FileCache:
    """The files of one process; safe to share between threads.

    A key names who may read the file beside what it is: whoever asks has shown to its owner that they may.
    """

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._parent, self._max_bytes = folder, max_bytes
        self._folder: Path | None = None
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def file(self, key: str, fetch: Callable[[], Iterable[bytes]], *, limit: int) -> Iterator[Path]:
        """The file of this key, fetched when it is not there; valid inside the block.

        Raises ``ResourceExhausted`` (PAYLOAD_TOO_LARGE) beyond ``limit`` bytes, and what ``fetch`` raises.
        """
        with tempfile.TemporaryDirectory(prefix="use-", dir=self._place()) as folder:
            path = Path(folder) / "file"
            if not self._link(key, path):
                size = _write(path, fetch(), limit)
                self._keep(key, path, size)
            yield path

    def close(self) -> None:
        """Deletes every file."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._sizes.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self) -> Path:
        with self._lock:
            if self._folder is None or not self._folder.is_dir():
                # The folder is made anew when whoever cleans temporary folders has removed it.
                self._sizes.clear()
                self._folder = Path(tempfile.mkdtemp(prefix=scratch_prefix("explain"), dir=self._parent))
            return self._folder

    def _link(self, key: str, path: Path) -> bool:
        # A link of its own keeps the file while it is used, whatever is dropped meanwhile.
        with self._lock:
            if key not in self._sizes or self._folder is None:
                return False
            self._sizes.move_to_end(key)
            try:
                os.link(self._folder / key, path)
            except FileNotFoundError:
                del self._sizes[key]
                return False
            return True

    def _keep(self, key: str, path: Path, size: int) -> None:
        if size > self._max_bytes:
            return
        with self._lock:
            if self._folder is None or key in self._sizes:
                return
            try:
                os.link(path, self._folder / key)
            except OSError:  # it is used this once
                return
            self._sizes[key] = size
            while sum(self._sizes.values()) > self._max_bytes:
                dropped, _ = self._sizes.popitem(last=False)
                (self._folder / dropped).unlink(missing_ok=True)


def key_of(*parts: object) -> str:
    """A file name for what ``parts`` name together."""
    return hashlib.sha256(orjson.dumps(parts, default=str)).hexdigest()


def checked(pieces: Iterable[bytes], sha256: str) -> Iterator[bytes]:
    """The pieces as they come; raises ``Unavailable`` (TRANSFER_BROKEN) at the end when they have another digest."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != sha256:
        raise TransferBroken("the bytes received are not those that were sent; try again", reason="TRANSFER_BROKEN")


def _write(path: Path, pieces: Iterable[bytes], limit: int) -> int:
    size = 0
    partial = path.with_name(str(new_id()))
    with partial.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > limit:
                raise ResourceExhausted(
                    f"more than {limit:,} bytes would have to be fetched",
                    reason="PAYLOAD_TOO_LARGE",
                    metadata={"limit_bytes": str(limit)},
                )
            file.write(piece)
    partial.rename(path)
    return size
