"""The sequencer: gives every service's audit entries their places in the organisations' ledgers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from raia.platform.events.v1 import audit_events_pb2
from raia_kit.contract import all_methods
from raia_kit.database import UnitOfWork
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event

from raia_auth import metrics
from raia_auth.audit.converters import to_fact
from raia_auth.audit.domain import Fact, chain
from raia_auth.audit.repository import LedgerRepository

NAME = "ledger"
TOPICS = tuple(
    f"raia.{service}.audit_entry"
    for service in sorted({method.service for method in all_methods()} - {"gateway", "platform"})
)
"""Where the services that have a contract report their entries."""
TYPE = audit_events_pb2.AuditEntryRecorded.DESCRIPTOR.full_name


class ForeignEntry(Exception):
    """An event's envelope names another organisation than the entry inside it: it gets no place in either ledger."""


class Sequencer:
    """Appends entries to the ledger of the unit's organisation; the only code that does."""

    def __init__(self, ledger: LedgerRepository) -> None:
        self._ledger = ledger

    def consumer(self) -> Consumer:
        """The consumer that runs in one replica at a time; where two overlap, the ledger's lock orders them."""
        return Consumer(
            name=NAME,
            topics=TOPICS,
            types=(TYPE,),
            handler=lambda unit, event: self.handle(unit, [event]),
            batch_handler=self.handle,
        )

    def handle(self, unit: UnitOfWork, events: Sequence[Event]) -> None:
        """Gives the entries of one organisation the next places, in the order of the events, in one transaction.

        An entry that has a place already keeps it: an event that comes again changes nothing.
        """
        facts = [_fact(event) for event in events]
        if any(fact.org_id != unit.tenant for fact in facts):
            raise ForeignEntry
        head = self._ledger.lock_head(unit)
        known = self._ledger.known(unit, [fact.id for fact in facts])
        entries = chain(head, [fact for fact in facts if fact.id not in known])
        self._ledger.append(unit, entries)
        now = datetime.now(UTC)
        for entry in entries:
            metrics.LEDGER_ENTRIES.labels(entry.fact.service).inc()
            metrics.LEDGER_DELAY.observe(max(0.0, (now - entry.fact.occurred_at).total_seconds()))


def _fact(event: Event) -> Fact:
    message = event.decode()
    assert isinstance(message, audit_events_pb2.AuditEntryRecorded)
    return to_fact(message)
