"""The garbage collector of one service: what has served its time in the kit's tables, the log and the object store."""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text

from raia_kit.database import Database, UnitOfWork
from raia_kit.jobs import Job, JobQueue, rows
from raia_kit.objects import ListedObject, ObjectStore

_LOG = logging.getLogger(__name__)
_BATCH = 5000
_PURGE_INBOX = text("""
with old as (select consumer, event_id from inbox where received_at < :before limit :batch for update skip locked)
delete from inbox using old where inbox.consumer = old.consumer and inbox.event_id = old.event_id returning 1
""")
_PURGE_KEYS = text("select purge_idempotency_keys(:before, :batch)")
_TRIM_LOG = text("select raia_log.trim(:before, :batch)")

References = Callable[[UnitOfWork], Iterable[str]]
"""The keys of all objects that an organisation's rows refer to, read in its unit of work."""


@dataclass(frozen=True)
class Retention:
    """How long things are kept."""

    inbox: timedelta = timedelta(days=7)
    """Ids of handled events; at least as long as the log, from which an event may come again."""
    idempotency_keys: timedelta = timedelta(hours=24)
    log: timedelta = timedelta(days=7)
    """Events in the PostgreSQL log; an older cursor has expired."""
    jobs: timedelta = timedelta(days=7)
    """Jobs that have ended."""
    objects: timedelta = timedelta(hours=24)
    """Objects that no row refers to, and uploads that never ended: a transaction may still be about to refer to one."""


class Housekeeping:
    """Deletes, in short transactions, what a service no longer needs."""

    def __init__(
        self,
        database: Database,
        *,
        trim_log: bool = False,
        objects: ObjectStore | None = None,
        references: References | None = None,
        retention: Retention | None = None,
    ) -> None:
        """``trim_log`` is for the PostgreSQL log. ``objects`` must be this service's own and needs ``references``."""
        if objects is not None and (references is None or objects.owner != database.service):
            raise ValueError("objects are collected where the service owns the store and tells its references")
        self._database, self._trim_log = database, trim_log
        self._objects, self._references = objects, references
        self._keep = retention or Retention()

    def schedule(self, queue: JobQueue) -> None:
        """Declares the periodic jobs: rows every hour, objects every night (UTC)."""

        @queue.periodic("housekeeping.rows", "17 * * * *", time_limit=900)
        def collect_rows(job: Job) -> None:
            self.collect_rows(job.check)

        if self._objects is not None:

            @queue.periodic("housekeeping.objects", "41 2 * * *", time_limit=6 * 3600)
            def collect_objects(job: Job) -> None:
                self.collect_objects(job.check)

    def collect_rows(self, check: Callable[[], None] = lambda: None) -> dict[str, int]:
        """Deletes old rows and returns how many of what; ``check`` is called between batches and may raise to stop."""
        deleted = {
            "inbox": self._purge(_PURGE_INBOX, self._keep.inbox, check),
            "idempotency_keys": self._purge(_PURGE_KEYS, self._keep.idempotency_keys, check),
            "jobs": self._repeat(lambda unit: rows.delete_finished(unit, _before(self._keep.jobs), _BATCH), check),
        }
        if self._trim_log:
            deleted["log"] = self._purge(_TRIM_LOG, self._keep.log, check)
        _LOG.info("housekeeping deleted %s", deleted)
        return deleted

    def collect_objects(self, check: Callable[[], None] = lambda: None) -> int:
        """Deletes old objects that no row refers to, and uploads that never ended; returns how many objects."""
        if self._objects is None or self._references is None:
            return 0
        before = _before(self._keep.objects)
        self._objects.sweep(before)
        deleted = 0
        # The listing comes first: what is stored later is not in it, what is referred to later is young.
        for org_id, listed in _by_organisation(item for item in self._objects.list() if item.modified_at < before):
            check()
            with self._database.unit_of_work(org_id) as unit:
                referenced = set(self._references(unit))
            for item in listed:
                if item.key not in referenced and self._still_old(item.key, before):
                    self._objects.delete(item.key)
                    deleted += 1
        _LOG.info("housekeeping deleted %s objects", deleted)
        return deleted

    def _still_old(self, key: str, before: datetime) -> bool:
        """Whether the object was not stored again since the listing."""
        assert self._objects is not None
        return self._objects.exists(key) and self._objects.modified_at(key) < before

    def _purge(self, statement: TextClause, age: timedelta, check: Callable[[], None]) -> int:
        def batch(unit: UnitOfWork) -> int:
            result = unit.session.execute(statement, {"before": _before(age), "batch": _BATCH})
            found = result.all()
            # A function answers a number, a deletion one row each.
            return len(found) if statement is _PURGE_INBOX else int(found[0][0])

        return self._repeat(batch, check)

    def _repeat(self, batch: Callable[[UnitOfWork], int], check: Callable[[], None]) -> int:
        total = 0
        while True:
            check()
            with self._database.platform_unit_of_work() as unit:
                deleted = batch(unit)
            total += deleted
            if deleted < _BATCH:
                return total


def _before(age: timedelta) -> datetime:
    return datetime.now(UTC) - age


def _by_organisation(listed: Iterable[ListedObject]) -> Iterator[tuple[UUID, list[ListedObject]]]:
    ordered = sorted(listed, key=lambda item: item.key)
    for org, items in itertools.groupby(ordered, key=lambda item: item.key.split("/")[1]):
        yield UUID(org), list(items)
