"""Runs the streams: a reader for every topic that is to be read, landings when they are due."""

import time

from raia_kit.events.loop import Loop
from sqlalchemy import text

from raia_ingest.streams.domain import KAFKA
from raia_ingest.streams.kafka import Means, StreamRef, TopicReader
from raia_ingest.streams.landing import LandingService

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5.0


class StreamSupervisor(Loop):
    """A part of the process. Every process wants every running stream; a lease decides which of them has it."""

    def __init__(self, means: Means, landing: LandingService, *, most_readers: int) -> None:
        super().__init__("streams")
        self._means, self._landing, self._most = means, landing, most_readers
        self._readers: dict[StreamRef, TopicReader] = {}

    def step(self) -> float:
        """Starts and ends readers, and has due streams landed."""
        with self._means.database.platform_unit_of_work() as unit:
            rows = unit.session.execute(text("select org_id, id from running_streams(:kind)"), {"kind": KAFKA}).all()
        running = {StreamRef(row.org_id, row.id) for row in rows}
        for ref in [ref for ref in self._readers if ref not in running]:
            self._readers.pop(ref).stop(_STOP_SECONDS)
        for ref in sorted(running - self._readers.keys(), key=lambda ref: ref.id)[: self._most - len(self._readers)]:
            self._readers[ref] = TopicReader(ref, self._means, self.wake)
            self._readers[ref].start()
        self._landing.enqueue_due()
        return _LOOK_SECONDS

    def stop(self, timeout: float = 10.0) -> bool:
        """Ends the readers; what they had read but not stored is read again by the next process."""
        deadline = time.monotonic() + timeout
        ended = super().stop(timeout)
        readers, self._readers = list(self._readers.values()), {}
        for reader in readers:
            reader.stop(0)  # tells all of them, then waits for each
        for reader in readers:
            ended &= reader.stop(max(0.1, deadline - time.monotonic()))
        self._means.pool.close()
        return ended
