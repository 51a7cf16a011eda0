"""Consumers: handlers of events whose effect happens exactly once."""

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from raia_kit.database import Database, UnitOfWork
from raia_kit.dead_letters import DeadLetterStore
from raia_kit.errors import Aborted, ResourceExhausted, Unavailable
from raia_kit.events import inbox, metrics
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.log import EventLog, LogReader, Start
from raia_kit.events.loop import Loop, backoff
from raia_kit.events.session import DirectSession, Lease

_LOG = logging.getLogger(__name__)
_TRACER = trace.get_tracer(__name__)
_PROPAGATOR = TraceContextTextMapPropagator()
_POLL_SECONDS = 1.0
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Consumer:
    """What a service wants to know of and what it then does; ``ConsumerLoop`` runs it."""

    name: str
    """Names its positions, inbox and lock within the service: renaming it reads everything again."""
    topics: Sequence[str]
    """Topics, or prefixes that end in ``*``."""
    handler: Callable[[UnitOfWork, Event], None]
    """Makes the effect within the unit of work given and nowhere else; events of one key come in order."""
    batch_handler: Callable[[UnitOfWork, Sequence[Event]], None] | None = None
    """Makes the effects of several events at once, in order, all of one organisation: for what must be fast. When it
    fails, ``handler`` gets them one by one, so that poison is found."""
    types: Collection[str] = ()
    """Full names of the messages it wants; others are passed over. All when empty."""
    platform: bool = False
    """Handle every event in a platform unit of work; otherwise in that of the event's organisation, if it has one."""
    start: Start = "earliest"
    """Where it begins when it runs for the first time."""
    attempts: int = 5
    """Failed attempts after which an event is set aside as a dead letter."""
    dead_letter_limit: int = 10
    """Dead letters within ``dead_letter_window`` at which it pauses, so that a bad release cannot drain a topic."""
    dead_letter_window: float = 600.0
    """Seconds over which dead letters are counted."""
    pause_seconds: float = 15.0
    """Seconds between two attempts while it is paused."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name for a consumer: lower case, digits, '.', '_', '-'")


class ConsumerPaused(Exception):
    """Too many events were set aside; the consumer waits rather than go on."""


class ConsumerLoop(Loop):
    """Runs one consumer in a thread, in exactly one of a service's replicas.

    The replica that holds the advisory lock of the consumer's name reads all partitions of its topics; the others
    stand by and take over within a second or two when it dies. The lock only saves work. Correctness rests on the
    effect's transaction, which also writes event id and position: two replicas that both believe to hold the lock
    block each other on the event id, and the second finds it done. Failures hold up the events behind them, so that
    the order within a key stays; faults that pass by themselves (the database away, a conflict) are retried for ever.
    """

    def __init__(self, consumer: Consumer, database: Database, log: EventLog, session: DirectSession) -> None:
        super().__init__(f"{database.service}-consumer-{consumer.name}")
        self.consumer = consumer
        self._database = database
        self._log = log
        self._session = session
        self._dead_letters = DeadLetterStore(database.service)
        self._lease: Lease | None = None
        self._reader: LogReader | None = None
        self._passed: dict[TopicPartition, int] = {}
        self._next_replay = 0.0
        self._trouble = ""

    def healthy(self) -> tuple[bool, str]:
        """Unhealthy also while an event keeps failing or the consumer is paused."""
        well, why = super().healthy()
        return (False, self._trouble) if well and self._trouble else (well, why)

    def wake(self) -> None:
        """Ends the wait for events early."""
        super().wake()
        reader, lease = self._reader, self._lease
        if reader is not None:
            reader.wake()
        if lease is not None:
            lease.changed.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ends after the event at hand and lets another replica take over."""
        ended = super().stop(timeout)
        lease, self._lease = self._lease, None
        if lease is not None:
            self._session.give_up(lease)
        return ended

    def step(self) -> float:
        """Handles what one look at the log brings; waits while another replica does."""
        if self._lease is None:
            self._lease = self._session.lease(f"raia.{self._database.service}.consumer.{self.consumer.name}")
        if not self._lease.held:
            self._stand_by(self._lease)
            return 0.0
        reader = self._open()
        self._replay()
        found = reader.poll(_POLL_SECONDS)
        finished = all(self._take_all(run) for run in self._runs(found.events))
        self._store_passed()
        if not finished:
            # The reader is past what was not handled: the next one begins where the database says.
            self.release()
        elif found.at_head:
            metrics.CONSUMER_DELAY.labels(self.consumer.name).set(0)
        return 0.0

    def release(self) -> None:
        """Closes the reader; the next one begins where the database says."""
        self._passed.clear()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _stand_by(self, lease: Lease) -> None:
        """Waits for the lock; what was read without it may be stale when it comes."""
        self._trouble = ""
        self.release()
        lease.changed.wait(_POLL_SECONDS)
        lease.changed.clear()

    def _open(self) -> LogReader:
        if self._reader is None:
            with self._database.platform_unit_of_work() as unit:
                positions = inbox.positions(unit, self.consumer.name)
            # A consumer that has run before reads partitions that are new to it from their beginning.
            start: Start = "earliest" if positions else self.consumer.start
            self._reader = self._log.reader(self.consumer.topics, positions, start)
            # What it starts with is written at once: a first start at the head must not move when it starts again.
            with self._database.platform_unit_of_work() as unit:
                inbox.advance(unit, self.consumer.name, self._reader.positions)
        return self._reader

    def _runs(self, events: Sequence[Event]) -> Iterator[list[Event]]:
        """Events that are handled together: those of one organisation that follow each other, or each by itself."""
        if self.consumer.batch_handler is None:
            yield from ([event] for event in events)
            return
        for _, run in groupby(events, key=lambda event: (event.headers.get("orgid", ""), self._wants(event))):
            yield list(run)

    def _wants(self, event: Event) -> bool:
        return not self.consumer.types or event.type in self.consumer.types

    def _take_all(self, events: Sequence[Event]) -> bool:
        """Sees a run of events through, together if that goes well; False as ``_take``."""
        if len(events) > 1 and self._wants(events[0]) and self._working():
            try:
                new = self._handle_all(events)
            except Exception as error:
                _LOG.warning("%s takes %d events one by one, after %s", self.name, len(events), type(error).__name__)
            else:
                for event in events:
                    self._done(event, "handled" if event.id in new else "duplicate")
                self._measure_delay(events[-1])
                return True
        return all(self._take(event) for event in events)

    def _handle_all(self, events: Sequence[Event]) -> set[UUID]:
        assert self.consumer.batch_handler is not None
        with self._span(events[0]), self._unit(events[0]) as unit:
            new = inbox.claim_all(unit, self.consumer.name, events)
            first = {event.id: event for event in reversed(events) if event.id in new}
            if first:
                self.consumer.batch_handler(unit, [event for event in events if first.get(event.id) is event])
        return new

    def _working(self) -> bool:
        return not self.stopping and self._lease is not None and self._lease.held

    def _take(self, event: Event) -> bool:
        """Sees an event through; False when the loop must stop or has lost its lock before that."""
        if not self._wants(event):
            self._passed[event.place] = event.position
            metrics.CONSUMED.labels(self.consumer.name, "skipped").inc()
            return True
        attempts, failures = 0, 0
        while self._working():
            try:
                outcome = self._handle(event)
            except Exception as error:
                failures += 1
                transient = is_transient(error)
                attempts += not transient
                self._note_failure(event, error, failures, transient)
                if attempts >= self.consumer.attempts:
                    if self._set_aside(event, error, attempts):
                        return True
                    attempts = self.consumer.attempts - 1
                    self.pause(self.consumer.pause_seconds)
                else:
                    self.pause(backoff(failures))
                continue
            self._done(event, outcome)
            self._measure_delay(event)
            return True
        return False

    def _handle(self, event: Event, dead_letter: bool = False) -> str:
        with self._span(event), self._unit(event) as unit:
            if not inbox.claim(unit, self.consumer.name, event, advance=not dead_letter):
                outcome = "duplicate"
            else:
                self.consumer.handler(unit, event)
                outcome = "handled"
            if dead_letter:
                with unit.platform():
                    self._dead_letters.replayed(unit, self.consumer.name, event.id)
        return outcome

    @contextmanager
    def _unit(self, event: Event) -> Iterator[UnitOfWork]:
        org_id = None if self.consumer.platform else event.org_id
        with (
            self._database.platform_unit_of_work(actor=event.actor, correlation_id=event.correlation_id)
            if org_id is None
            else self._database.unit_of_work(org_id, actor=event.actor, correlation_id=event.correlation_id)
        ) as unit:
            yield unit

    @contextmanager
    def _span(self, event: Event) -> Iterator[None]:
        context = _PROPAGATOR.extract({"traceparent": event.headers.get("traceparent", "")})
        attributes = {
            "messaging.system": "raia",
            "messaging.destination.name": event.topic,
            "messaging.message.id": str(event.id),
        }
        name = f"{self.consumer.name} process"
        with _TRACER.start_as_current_span(name, context=context, kind=SpanKind.CONSUMER, attributes=attributes):
            yield

    def _set_aside(self, event: Event, error: Exception, attempts: int) -> bool:
        """Makes the event a dead letter and goes past it; False when there are too many of late or it cannot be."""
        consumer = self.consumer
        try:
            with self._database.platform_unit_of_work(correlation_id=event.correlation_id) as unit:
                recent = self._dead_letters.count_recent(unit, consumer.name, consumer.dead_letter_window)
                if recent >= consumer.dead_letter_limit:
                    raise ConsumerPaused
                self._dead_letters.add(unit, consumer.name, event, error=type(error).__name__, attempts=attempts)
                inbox.advance(unit, consumer.name, {event.place: event.position})
        except ConsumerPaused:
            metrics.CONSUMER_PAUSED.labels(consumer.name).set(1)
            self._trouble = (
                f"{self.name} is paused: {consumer.dead_letter_limit} dead letters within "
                f"{consumer.dead_letter_window:.0f} s, and {event.type} fails with {type(error).__name__}"
            )
            _LOG.error("%s", self._trouble)
            return False
        except Exception:
            _LOG.warning("%s could not set event %s aside; it will try again", self.name, event.id, exc_info=True)
            return False
        _LOG.error("%s set event %s (%s) aside after %d attempts", self.name, event.id, event.type, attempts)
        self._done(event, "dead")
        return True

    def _replay(self) -> None:
        """Handles the dead letters that an operator has put back."""
        if time.monotonic() < self._next_replay:
            return
        self._next_replay = time.monotonic() + _POLL_SECONDS
        with self._database.platform_unit_of_work() as unit:
            events = self._dead_letters.replaying(unit, self.consumer.name)
        for event in events:
            if self.stopping:
                return
            try:
                self._handle(event, dead_letter=True)
            except Exception as error:
                if is_transient(error):
                    _LOG.warning("%s will replay event %s later", self.name, event.id, exc_info=True)
                    return
                _LOG.exception("%s failed again with the dead letter of event %s", self.name, event.id)
                with self._database.platform_unit_of_work() as unit:
                    self._dead_letters.failed_again(unit, self.consumer.name, event.id, error=type(error).__name__)

    def _store_passed(self) -> None:
        """Writes positions of events that needed no transaction of their own."""
        if self._passed:
            with self._database.platform_unit_of_work() as unit:
                inbox.advance(unit, self.consumer.name, self._passed)
            self._passed.clear()

    def _note_failure(self, event: Event, error: Exception, failures: int, transient: bool) -> None:
        metrics.CONSUME_FAILURES.labels(self.consumer.name, str(transient).lower()).inc()
        self._trouble = f"{self.name} fails on {event.type} with {type(error).__name__}, {failures} times so far"
        if failures & (failures - 1) == 0:
            _LOG.warning("%s (event %s)", self._trouble, event.id, exc_info=error)

    def _measure_delay(self, event: Event) -> None:
        if event.time is not None:
            delay = (datetime.now(UTC) - event.time).total_seconds()
            metrics.CONSUMER_DELAY.labels(self.consumer.name).set(max(0.0, delay))

    def _done(self, event: Event, outcome: str) -> None:
        self._trouble = ""
        self._passed.pop(event.place, None)
        metrics.CONSUMED.labels(self.consumer.name, outcome).inc()
        metrics.CONSUMER_PAUSED.labels(self.consumer.name).set(0)


def is_transient(error: Exception) -> bool:
    """Whether a fault passes by itself, so that the event is no poison however often it fails."""
    if isinstance(error, ResourceExhausted):
        return error.reason == "STORAGE_FULL"
    return isinstance(error, Unavailable | Aborted)
