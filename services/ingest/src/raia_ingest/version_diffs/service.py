"""Use cases of differences: asked for, watched, cancelled, listed row by row."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import JobQueue
from raia_kit.objects import ObjectStore
from raia_kit.pagination import PageToken

from raia_ingest import errors
from raia_ingest.changes import Changes
from raia_ingest.datasets.domain import Dataset, Version
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.derived.domain import CANCELLED, SUCCEEDED
from raia_ingest.version_diffs.domain import Compared, Subject
from raia_ingest.version_diffs.events import compared
from raia_ingest.version_diffs.repository import VersionDiffRepository

DIFF_JOB = "ingest.version_diff"
KINDS = ("added", "removed", "changed")
_PAGE = "raia_ingest.workers.diff_page:diff_page"
_DEFAULT_ROWS = 50
_MOST_BYTES = 2 * 1024**2
_SECONDS = 25.0
_WATCH_SECONDS = 0.5


class VersionDiffService:
    """What can be done with differences but computing them."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        diffs: VersionDiffRepository,
        jobs: JobQueue,
        objects: ObjectStore,
        pool: ComputePool,
        changes: Changes,
    ) -> None:
        self._database, self._datasets, self._diffs = database, datasets, diffs
        self._jobs, self._objects, self._pool, self._changes = jobs, objects, pool, changes

    def get(self, call: Call, subject: Subject, seconds: float) -> Compared:
        """A difference, started if there is none, after waiting up to ``seconds`` for it to end.

        A ``version`` or ``base_version`` of 0 is chosen. Raises ``NotFound``, ``NotReady``, ``DiffNotReady`` when no
        version comes before, ``ColumnMissing`` for keys that one of the versions lacks.
        """
        return self._changes.await_result(
            lambda: self._look(call, subject), lambda seen: bool(seen.diff.finished), seconds
        )

    def watch(self, call: Call, subject: Subject) -> Iterator[Compared]:
        """The difference, started if there is none, now and whenever status or progress change, until it has ended."""
        last: tuple[str, float] | None = None
        while call.is_active():
            seen = self._changes.seen
            shown = self._look(call, subject, restart=last is None)
            state = (shown.diff.status, shown.diff.progress)
            if state != last:
                yield shown
                last = state
            if shown.diff.finished:
                return
            self._changes.pause(seen, _WATCH_SECONDS)

    def cancel(self, unit: UnitOfWork, subject: Subject) -> Compared:
        """Ends a comparison that is not finished; raises ``NotFound`` when none was asked for."""
        locked = self._datasets.lock(unit, subject.dataset_id)
        base, dataset, subject = self._resolve(unit, subject)
        found = self._diffs.of(unit, subject, lock=True)
        if found is None or locked is None:
            raise NotFound.of("version diff", f"{subject.dataset_id}/{subject.base_version}..{subject.version}")
        if not found.finished:
            if found.job_id is not None:
                self._jobs.cancel(unit, found.job_id)
            if self._diffs.cancel(unit, found.id):
                compared(unit, locked, subject, found.id, CANCELLED)
            unit.after_commit(self._changes.notify)
        return Compared(base, dataset, subject, self._diffs.of(unit, subject) or found)

    def rows(
        self, call: Call, subject: Subject, kind: str, page_size: int, page_token: str
    ) -> tuple[Compared, list[dict[str, Any]], str]:
        """A page of differing rows and the token of the next; raises what ``get`` does, and ``DiffNotReady``."""
        query = f"differences {subject} {kind}"
        offset = 0
        if page_token:
            # The token keeps the versions, so that pages do not mix two pairs when a newer version becomes ready.
            keys = [int(str(key)) for key in PageToken.decode(page_token, query).keys]
            subject = Subject(subject.dataset_id, keys[0], keys[1], subject.keys)
            offset = keys[2]
        with self._database.unit_of_work(call.org_id) as unit:
            base, dataset, subject = self._resolve(unit, subject)
            found = self._diffs.of(unit, subject)
            key = self._diffs.rows_key(unit, found.id) if found is not None else ""
        if found is None or found.status != SUCCEEDED or found.result is None:
            status = found.status if found is not None else "absent"
            raise errors.diff_not_ready(
                f"the comparison is {status}: get the difference first, and wait for it", status
            )
        start, end = _range(found.result, kind)
        limit = min(page_size or _DEFAULT_ROWS, end - start - offset)
        shown = Compared(base, dataset, subject, found)
        rows = self._page(call, shown, key, start + offset, limit) if limit > 0 else []
        following = offset + len(rows)
        more = bool(rows) and start + following < end
        token = PageToken((subject.version, subject.base_version, following), query).encode() if more else ""
        return shown, rows, token

    def _page(self, call: Call, shown: Compared, key: str, offset: int, limit: int) -> list[dict[str, Any]]:
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        with (
            self._objects.materialise(key) as differences,
            self._objects.materialise(shown.base.version.stored_key or "") as base,
            self._objects.materialise(shown.dataset.version.stored_key or "") as path,
        ):
            arguments = {
                "differences": str(differences),
                "base_path": str(base),
                "path": str(path),
                "compared": list((shown.diff.result or {})["compared"]),
                "offset": offset,
                "limit": limit,
                "max_bytes": _MOST_BYTES,
            }
            seconds = max(0.1, min(_SECONDS, left))
            found = self._pool.run(_PAGE, arguments, time_limit=seconds, affinity=key, share=str(call.org_id))
        rows: list[dict[str, Any]] = found["rows"]
        return rows

    def _look(self, call: Call, wanted: Subject, *, restart: bool = True) -> Compared:
        """The difference as it stands, started first where that is needed."""
        with self._database.unit_of_work(call.org_id) as unit:
            base, dataset, subject = self._resolve(unit, wanted)
            found = self._diffs.of(unit, subject)
            if found is None and self._diffs.add(unit, subject):
                self._start(unit, subject)
            elif found is not None and restart and found.to_be_started_anew(datetime.now(UTC)):
                locked = self._diffs.of(unit, subject, lock=True)
                if locked is not None and locked.to_be_started_anew(datetime.now(UTC)):
                    self._diffs.restart(unit, locked.id)
                    self._start(unit, subject)
            found = self._diffs.of(unit, subject)
            if found is None:
                raise missing(subject.dataset_id, subject.version)
            return Compared(base, dataset, subject, found)

    def _start(self, unit: UnitOfWork, subject: Subject) -> None:
        found = self._diffs.of(unit, subject)
        if found is None:
            raise missing(subject.dataset_id, subject.version)
        job_id = self._jobs.enqueue(unit, DIFF_JOB, {"diff_id": str(found.id)}, unit.tenant, unit.actor.user_id)
        self._diffs.set_job(unit, found.id, job_id)

    def _resolve(self, unit: UnitOfWork, subject: Subject) -> tuple[Dataset, Dataset, Subject]:
        """Both versions, ready, and the subject with their numbers."""
        dataset = self._ready(unit, subject.dataset_id, subject.version)
        number = dataset.version.number
        before = subject.base_version or self._diffs.ready_before(unit, subject.dataset_id, number)
        if before is None:
            raise errors.diff_not_ready(
                f"version {number} is the first that was read: name a base_version to compare it with"
            )
        base = self._ready(unit, subject.dataset_id, before)
        for version in (base.version, dataset.version):
            _require_columns(version, subject.keys)
        return base, dataset, Subject(subject.dataset_id, number, before, subject.keys)

    def _ready(self, unit: UnitOfWork, dataset_id: UUID, version: int) -> Dataset:
        found = self._datasets.find(unit, dataset_id, version)
        if found is None:
            raise missing(dataset_id, version)
        found.version.require_ready(dataset_id)
        return found


def _require_columns(version: Version, names: Iterable[str]) -> None:
    known = {column.name for column in version.columns}
    for name in names:
        if name not in known:
            raise errors.ColumnMissing(
                f"version {version.number} has no column {name!r}",
                reason="COLUMN_NOT_FOUND",
                metadata={"column": name[:200]},
            )


def _range(result: Any, kind: str) -> tuple[int, int]:
    """From where to where the rows of a kind, or of all, stand in the file of differences."""
    counts = [int(result[f"rows_{each}"]) for each in KINDS]
    if not kind:
        return 0, sum(counts)
    place = KINDS.index(kind)
    return sum(counts[:place]), sum(counts[: place + 1])
