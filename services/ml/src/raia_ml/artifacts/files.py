"""Artefacts as local files: where the store is remote, each is fetched once and kept by its digest."""

import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raia_kit.objects import ObjectStore
from raia_kit.scratch import scratch_prefix

_MOST_FILES = 16


class ArtefactFiles:
    """Local files of artefacts, the most recently used ones kept while the process lives."""

    def __init__(self, objects: ObjectStore, scratch: Path | None) -> None:
        self._objects, self._scratch = objects, scratch
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: OrderedDict[str, Path] = OrderedDict()
        self._readers: Counter[str] = Counter()

    @contextmanager
    def open(self, key: str, sha256: str) -> Iterator[Path]:
        """A file with the object's bytes, to be read within the block; whoever loads it checks the digest."""
        local = self._objects.local_path(key)
        if local is not None:
            yield local
            return
        path = self._fetch(key, sha256)
        try:
            yield path
        finally:
            with self._lock:
                self._readers[sha256] -= 1

    def _fetch(self, key: str, sha256: str) -> Path:
        # One at a time: who waits mostly waits for the same model.
        with self._lock:
            if sha256 not in self._kept:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix=scratch_prefix("ml"), dir=self._scratch)
                path = Path(self._folder.name) / sha256
                with path.open("wb") as file:
                    file.writelines(self._objects.stream(key))
                self._kept[sha256] = path
            self._kept.move_to_end(sha256)
            self._readers[sha256] += 1
            # A file that is still to be read stays, even if there are more than enough then.
            for old in [each for each in self._kept if not self._readers[each]][
                : max(0, len(self._kept) - _MOST_FILES)
            ]:
                self._kept.pop(old).unlink(missing_ok=True)
            return self._kept[sha256]
