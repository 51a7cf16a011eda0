"""Following topics in Kafka: all partitions by assignment, from given offsets."""

import threading
import time
from collections.abc import Sequence

import kafka
from kafka import errors as kafka_errors

from raia_kit.errors import Unavailable
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.kafka_client import CALL_SECONDS, events_of, partitions_of, translated
from raia_kit.events.log import Poll, Positions, Start, cursor_expired, matches

_CALL_MS = CALL_SECONDS * 1000
_SLICE_SECONDS = 0.25
_DISCOVER_SECONDS = 1.0
_MARK_SECONDS = 0.5


class KafkaReader:
    """Follows topics in Kafka."""

    def __init__(self, consumer: kafka.KafkaConsumer, topics: Sequence[str], after: Positions, start: Start) -> None:
        self._consumer = consumer
        self._patterns = tuple(topics)
        self._start: Start = start
        self._positions: dict[TopicPartition, int] = {
            place: position
            for place, position in after.items()
            if any(matches(pattern, place.topic) for pattern in topics)
        }
        self._assigned: set[TopicPartition] = set()
        self._opened = False
        self._next_discovery = 0.0
        self._next_mark = 0.0
        self._mark: tuple[float, dict[TopicPartition, int]] | None = None
        self._interrupted = threading.Event()
        try:
            with translated():
                self._find_partitions()
        except BaseException:
            self.close()
            raise
        self._opened = True

    @property
    def positions(self) -> Positions:
        """How far it has read, per partition."""
        return dict(self._positions)

    def poll(self, timeout: float, limit: int = 200) -> Poll:
        """Events at once if there are any, else those that come within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        passed: float | None = None
        with translated():
            while True:
                self._find_partitions()
                self._set_mark()
                remaining = max(0.0, deadline - time.monotonic())
                events = self._fetch(min(remaining, _SLICE_SECONDS), limit)
                passed = self._pass_mark() or passed
                if events or remaining <= 0 or self._interrupted.is_set():
                    self._interrupted.clear()
                    as_of = time.monotonic() if passed is None else passed
                    return Poll(events, passed is not None, as_of)

    def wake(self) -> None:
        """Ends a running poll within a quarter of a second."""
        self._interrupted.set()

    def close(self) -> None:
        """Closes the client."""
        self._consumer.close(autocommit=False, timeout_ms=1000)

    def _fetch(self, seconds: float, limit: int) -> list[Event]:
        if not self._assigned:
            self._interrupted.wait(seconds)
            return []
        try:
            records = self._consumer.poll(timeout_ms=seconds * 1000, max_records=limit)
        except kafka_errors.OffsetOutOfRangeError as error:
            raise self._out_of_range() from error
        for place, found in records.items():
            self._positions[TopicPartition(place.topic, place.partition)] = found[-1].offset + 1
        return events_of(records)

    def _out_of_range(self) -> Exception:
        """Which position lies outside of the log, and on which side."""
        places = [kafka.TopicPartition(*place) for place in self._assigned]
        earliest = self._consumer.beginning_offsets(places, timeout_ms=_CALL_MS)
        for place, offset in earliest.items():
            own = TopicPartition(place.topic, place.partition)
            if self._positions[own] < offset:
                return cursor_expired(own, self._positions[own], offset)
        return Unavailable(
            "the event log ends before the position that was read last", reason="EVENT_LOG_TRUNCATED", retry_after=10.0
        )

    def _set_mark(self) -> None:
        """Asks where the log ends now: once everything up to there was read, the reader was at the head now."""
        now = time.monotonic()
        if self._mark is not None or now < self._next_mark:
            return
        self._next_mark = now + _MARK_SECONDS
        ends: dict[TopicPartition, int] = {}
        if self._assigned:
            places = [kafka.TopicPartition(*place) for place in self._assigned]
            found = self._consumer.end_offsets(places, timeout_ms=_CALL_MS)
            ends = {TopicPartition(place.topic, place.partition): offset for place, offset in found.items()}
        self._mark = (now, ends)

    def _pass_mark(self) -> float | None:
        if self._mark is None or any(self._positions[place] < end for place, end in self._mark[1].items()):
            return None
        since, self._mark = self._mark[0], None
        return since

    def _find_partitions(self) -> None:
        """Begins to read partitions that match and are not read yet."""
        now = time.monotonic()
        if now < self._next_discovery:
            return
        self._next_discovery = now + _DISCOVER_SECONDS
        found = {
            TopicPartition(place.topic, place.partition)
            for topic in self._consumer.topics()
            if any(matches(pattern, topic) for pattern in self._patterns)
            for place in partitions_of(self._consumer, topic)
        }
        if found == self._assigned:
            return
        self._begin(found - set(self._positions))
        self._assigned, self._mark = found, None
        self._consumer.assign([kafka.TopicPartition(*place) for place in sorted(found)])
        for place in found:
            self._consumer.seek(kafka.TopicPartition(*place), self._positions[place])

    def _begin(self, new: set[TopicPartition]) -> None:
        if not new:
            return
        places = [kafka.TopicPartition(*place) for place in new]
        at_head = self._start == "head" and not self._opened
        ask = self._consumer.end_offsets if at_head else self._consumer.beginning_offsets
        for place, offset in ask(places, timeout_ms=_CALL_MS).items():
            self._positions[TopicPartition(place.topic, place.partition)] = offset
