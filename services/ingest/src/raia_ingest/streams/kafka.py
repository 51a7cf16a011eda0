"""Reads a topic into a stream: offsets move in the transaction that stores the records before them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import kafka
from kafka import errors as kafka_errors
from raia_kit.compute import ComputePool
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Aborted, FailedPrecondition, RaiaError, Unavailable
from raia_kit.events.kafka_client import open_client, translated
from raia_kit.events.loop import Loop
from raia_kit.events.session import DirectSession

from raia_ingest import metrics
from raia_ingest.errors import DOMAIN
from raia_ingest.streams import events
from raia_ingest.streams.addresses import check_brokers
from raia_ingest.streams.domain import FAILED, KAFKA, Stream, Taken
from raia_ingest.streams.intake import IntakeRepository
from raia_ingest.streams.repository import StreamRepository

_LOG = logging.getLogger(__name__)
_TAKE = "raia_ingest.workers.stream_records:take_messages"
_MOST_RECORDS = 5000
_MOST_BYTES = 8 * 1024 * 1024
_POLL_MS = 500
_IDLE_SECONDS = 0.5
_TAKE_SECONDS = 60.0
_CALL_MS = 5000.0
_AWAY = "the brokers of the stream cannot be reached"


class OffsetsLost(FailedPrecondition):
    """Retention removed records that were not read."""

    domain = DOMAIN


@dataclass(frozen=True)
class StreamRef:
    """A stream of an organisation."""

    org_id: UUID
    id: UUID


@dataclass(frozen=True)
class Means:
    """What every reader works with."""

    database: Database
    session: DirectSession
    streams: StreamRepository
    intake: IntakeRepository
    pool: ComputePool
    private_brokers: bool


class TopicReader(Loop):
    """Reads one stream's topic while this process holds the stream's lease; it is started for every running stream.

    A second holder, which a lease does not exclude, finds other offsets than it read from and stores nothing.
    """

    def __init__(self, ref: StreamRef, means: Means, stored: Callable[[], None]) -> None:
        super().__init__(f"stream {ref.id}")
        self._ref, self._means, self._stored = ref, means, stored
        self._lease = means.session.lease(f"raia-ingest stream {ref.id}")
        self._consumer: kafka.KafkaConsumer | None = None
        self._stream: Stream | None = None
        self._offsets: dict[int, int] = {}
        self._error = ""
        self._ends: dict[int, int] = {}

    def stop(self, timeout: float = 5.0) -> bool:
        """Ends the reading and gives the lease up."""
        ended = super().stop(timeout)
        self._means.session.give_up(self._lease)
        return ended

    def step(self) -> float:
        """Takes what the topic has, or waits for it."""
        if not self._lease.held:
            self.release()
            return _IDLE_SECONDS
        try:
            with translated(_AWAY):
                self._open()
                found = self._poll()
            if found:
                self._store(found, self._take(found))
            else:
                self._note_ends()
        except OffsetsLost as error:
            self._fail(error.message)
            return _IDLE_SECONDS
        except Aborted:
            raise
        except RaiaError as error:
            self._note(error.message)
            raise
        return 0.0

    def release(self) -> None:
        """Closes the client; what it had read but not stored is read again."""
        consumer, self._consumer = self._consumer, None
        self._stream = None
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=1000)

    def _open(self) -> None:
        """Opens the client and stands where the stored offsets say; the first time, where the stream is to begin."""
        if self._consumer is not None:
            return
        with self._unit() as unit:
            stream = self._means.streams.find(unit, self._ref.id)
            topic = str(stream.connection_config["topic"]) if stream is not None else ""
            places = self._means.intake.places(unit, self._ref.id, topic)
        if stream is None or not stream.takes_records:
            raise Aborted("the stream does not run", reason="CONCURRENT_CHANGE")
        brokers = list(stream.connection_config["bootstrap_servers"])
        check_brokers(brokers, private=self._means.private_brokers)
        self._consumer = open_client(
            kafka.KafkaConsumer,
            brokers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            metadata_max_age_ms=5000,
            max_poll_records=_MOST_RECORDS,
            fetch_max_bytes=_MOST_BYTES,
            max_partition_fetch_bytes=_MOST_BYTES // 4,
            security_protocol=stream.connection_config.get("security_protocol") or "PLAINTEXT",
        )
        self._stream = stream
        self._offsets = {number: place.next_offset for number, place in places.items()}
        self._assign(first=not places)

    def _assign(self, *, first: bool = False) -> None:
        """Takes up partitions that are not read yet: those that came later from their beginning."""
        consumer, stream = self._required()
        topic = str(stream.connection_config["topic"])
        found = sorted(consumer.partitions_for_topic(topic) or ())
        if not found:
            raise Unavailable(f"the brokers have no topic {topic!r}", reason="EVENT_LOG_UNAVAILABLE")
        check_brokers(
            [f"{each.host}:{each.port}" for each in consumer._client.cluster.brokers()],
            private=self._means.private_brokers,
        )
        partitions = [kafka.TopicPartition(topic, number) for number in found]
        earliest = consumer.beginning_offsets(partitions, timeout_ms=_CALL_MS)
        latest = consumer.end_offsets(partitions, timeout_ms=_CALL_MS)
        begin = latest if first and stream.connection_config.get("start_from") == "latest" else earliest
        new = {place.partition: begin[place] for place in partitions if place.partition not in self._offsets}
        lost = {
            place.partition: earliest[place] - self._offsets[place.partition]
            for place in partitions
            if place.partition not in new and self._offsets[place.partition] < earliest[place]
        }
        for place in partitions:
            if place.partition not in new and self._offsets[place.partition] > latest[place]:
                raise OffsetsLost(
                    f"partition {place.partition} ends at offset {latest[place]}, before offset "
                    f"{self._offsets[place.partition]} that is to be read next: the topic was made anew; name another "
                    "topic, or make another stream",
                    reason="STREAM_INVALID",
                )
        if new or lost:
            self._begin(topic, new, lost, {place.partition: earliest[place] for place in partitions})
        consumer.assign(partitions)
        for place in partitions:
            consumer.seek(place, self._offsets[place.partition])

    def _begin(self, topic: str, new: dict[int, int], lost: dict[int, int], earliest: dict[int, int]) -> None:
        """Writes where partitions begin, before anything is read: a crash must not move it."""
        _, stream = self._required()
        if lost and not stream.accept_gap:
            number = min(lost)
            raise OffsetsLost(
                f"retention removed {sum(lost.values()):,} records that were not read, the first of them in partition "
                f"{number}, offset {self._offsets[number]}: start the stream with accept_gap to go on without them",
                reason="STREAM_INVALID",
            )
        moved = new | {number: earliest[number] for number in lost}
        with self._unit() as unit:
            locked = self._locked(unit)
            self._means.intake.set_places(unit, stream.id, topic, moved)
            if lost:
                total = locked.records_lost + sum(lost.values())
                self._means.streams.note(unit, stream.id, {"records_lost": total, "accept_gap": False})
        self._offsets |= moved

    def _poll(self) -> list[Any]:
        consumer, _ = self._required()
        try:
            records = consumer.poll(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
        except kafka_errors.OffsetOutOfRangeError:
            self.release()
            self._open()
            return []
        except kafka_errors.UnsupportedCodecError as error:
            raise Unavailable(
                "the topic holds messages compressed in a way that cannot be read here: use gzip",
                reason="EVENT_LOG_UNAVAILABLE",
            ) from error
        return [message for messages in records.values() for message in messages]

    def _take(self, messages: list[Any]) -> Taken:
        _, stream = self._required()
        values = [message.value for message in messages]
        arguments = {
            "schema": dict(stream.schema_info),
            "partitions": [message.partition for message in messages],
            "offsets": [message.offset for message in messages],
            "lengths": [-1 if value is None else len(value) for value in values],
            "data": b"".join(value for value in values if value is not None),
        }
        found = self._means.pool.run(
            _TAKE, arguments, time_limit=_TAKE_SECONDS, affinity=str(stream.id), share=str(self._ref.org_id)
        )
        return Taken(found["content"], found["stored"], found["rejections"])

    def _store(self, messages: list[Any], taken: Taken) -> None:
        """Records and offsets in one transaction, which holds only while nobody else has moved the offsets."""
        _, stream = self._required()
        topic = str(stream.connection_config["topic"])
        read = dict(self._offsets)
        for message in messages:
            read[message.partition] = message.offset + 1
        with self._unit() as unit:
            locked = self._locked(unit)
            places = self._means.intake.places(unit, stream.id, topic)
            if {number: place.next_offset for number, place in places.items()} != self._offsets:
                raise Aborted("another process reads the stream", reason="CONCURRENT_CHANGE")
            self._means.intake.add(unit, locked, taken)
            moved = {number: offset for number, offset in read.items() if offset != self._offsets[number]}
            self._means.intake.set_places(unit, stream.id, topic, moved)
        self._offsets, self._error = read, ""
        metrics.STREAM_RECORDS.labels(KAFKA, "stored").inc(taken.stored)
        metrics.STREAM_RECORDS.labels(KAFKA, "rejected").inc(len(taken.rejections))
        self._note_ends()
        self._stored()

    def _note_ends(self) -> None:
        """Writes where the partitions end, which is the lag, when that has changed; and takes up new partitions."""
        consumer, stream = self._required()
        topic = str(stream.connection_config["topic"])
        with translated(_AWAY):
            if set(consumer.partitions_for_topic(topic) or self._offsets) - set(self._offsets):
                self._assign()
            places = [kafka.TopicPartition(topic, number) for number in self._offsets]
            ends = consumer.end_offsets(places, timeout_ms=_CALL_MS)
        found = {place.partition: offset for place, offset in ends.items()}
        if found != self._ends:
            with self._unit() as unit:
                self._locked(unit)
                self._means.intake.set_ends(unit, stream.id, topic, found)
            self._ends = found
        if self._error:
            self._note("")

    def _locked(self, unit: UnitOfWork) -> Stream:
        """The stream, locked; raises ``Aborted`` when it was stopped or changed since it was opened."""
        _, stream = self._required()
        locked = self._means.streams.find(unit, stream.id, lock=True)
        if locked is None or not locked.takes_records or _reading(locked) != _reading(stream):
            raise Aborted("the stream was stopped or changed", reason="CONCURRENT_CHANGE")
        return locked

    def _required(self) -> tuple[kafka.KafkaConsumer, Stream]:
        if self._consumer is None or self._stream is None:
            raise Aborted("the stream is not open", reason="CONCURRENT_CHANGE")
        return self._consumer, self._stream

    def _fail(self, error: str) -> None:
        _LOG.warning("stream %s failed: %s", self._ref.id, error)
        with self._unit() as unit:
            stream = self._means.streams.find(unit, self._ref.id, lock=True)
            if stream is not None and stream.takes_records:
                self._means.streams.note(unit, stream.id, {"status": FAILED, "error": error})
                self._means.streams.land_now(unit, stream)
                events.failed(unit, stream, error)
        self.release()

    def _note(self, error: str) -> None:
        """Shows what holds the stream up."""
        if error != self._error:
            self._error = error
            with self._unit() as unit:
                self._means.streams.note(unit, self._ref.id, {"error": error})

    def _unit(self) -> Any:
        return self._means.database.unit_of_work(self._ref.org_id)


def _reading(stream: Stream) -> tuple[int, Mapping[str, Any]]:
    """What a reader depends on."""
    return stream.schema_version, stream.connection_config
