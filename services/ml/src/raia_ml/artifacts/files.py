"""Artefacts as local files: where the store is remote, each is fetched once and kept by its digest."""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raia_kit.objects import ObjectStore

_MOST_FILES = 16


class ArtefactFiles:
    """Local files of artefacts, the most recently used ones kept while the process lives."""

    def __init__(self, objects: ObjectStore, scratch: Path | None) -> None:
        self._objects, self._scratch = objects, scratch
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: OrderedDict[str, Path] = OrderedDict()

    @contextmanager
    def open(self, key: str, sha256: str) -> Iterator[Path]:
        """A file with the object's bytes, to be read within the block; whoever loads it checks the digest."""
        local = self._objects.local_path(key)
        if local is not None:
            yield local
            return
        yield self._fetch(key, sha256)

    def _fetch(self, key: str, sha256: str) -> Path:
        # One at a time: who waits mostly waits for the same model.
        with self._lock:
            if sha256 not in self._kept:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix="raia-ml-models-", dir=self._scratch)
                path = Path(self._folder.name) / sha256
                with path.open("wb") as file:
                    file.writelines(self._objects.stream(key))
                self._kept[sha256] = path
            self._kept.move_to_end(sha256)
            while len(self._kept) > _MOST_FILES:
                self._kept.popitem(last=False)[1].unlink(missing_ok=True)
            return self._kept[sha256]
