"""How many audit entries still wait for their place in a ledger, as a metric."""

from raia_kit.database import Database
from raia_kit.events import inbox
from raia_kit.events.envelope import TopicPartition
from raia_kit.events.log import EventLog
from raia_kit.events.loop import Loop

from raia_auth import metrics
from raia_auth.audit.sequencer import NAME, TOPICS

_SECONDS = 5.0


class Backlog(Loop):
    """Compares every few seconds how far the log has come with how far the sequencer has."""

    def __init__(self, database: Database, log: EventLog) -> None:
        super().__init__("ledger backlog")
        self._database, self._log = database, log

    def step(self) -> float:
        """Looks once; returns the seconds until the next look."""
        metrics.LEDGER_UNSEQUENCED.set(self.count())
        return _SECONDS

    def count(self) -> int:
        """Audit entries in the log that have no place yet."""
        with self._database.platform_unit_of_work() as unit:
            reached = inbox.positions(unit, NAME)
        return sum(
            max(0, head - reached.get(TopicPartition(topic, partition), 0))
            for topic in TOPICS
            for partition, head in self._log.head(topic).items()
        )
