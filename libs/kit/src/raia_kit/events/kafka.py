"""The event log in Kafka: key = resource id, position = offset + 1, created topics are kept for a week."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import kafka
from kafka import errors as kafka_errors
from kafka.partitioner.default import murmur2
from psycopg import Connection

from raia_kit.events.envelope import Event, TopicPartition, to_headers
from raia_kit.events.kafka_client import (
    CALL_SECONDS,
    LARGEST_MESSAGE,
    REQUEST_SECONDS,
    events_of,
    open_client,
    partitions_of,
    translated,
)
from raia_kit.events.kafka_reader import KafkaReader
from raia_kit.events.log import Positions, Start, cursor_expired

_CALL_MS = CALL_SECONDS * 1000
_SLICE_SECONDS = 0.25
_WEEK_MS = 7 * 24 * 3600 * 1000
_BATCH_BYTES = 512 * 1024
_OVERHEAD = 128


class KafkaEventLog:
    """Writes with an idempotent producer and reads by assignment, without consumer groups: who reads is decided by
    leases in PostgreSQL, and positions lie beside the effects.

    ``options`` go to every client: security protocol, SASL, TLS. Topics are made when they are first written, with
    ``partitions`` partitions and the broker's replication factor; raising the number later moves keys, so it is not
    done.
    """

    def __init__(self, bootstrap: str, *, options: Mapping[str, Any] | None = None, partitions: int = 6) -> None:
        self._bootstrap = [address.strip() for address in bootstrap.split(",")]
        self._client_options = dict(options or {})
        self._partitions = partitions
        self._producer: kafka.KafkaProducer | None = None
        self._known: dict[str, int] = {}
        self._asker: kafka.KafkaConsumer | None = None
        self._guard = threading.Lock()

    def publish(self, events: Sequence[Event], connection: Connection[Any]) -> None:  # noqa: ARG002 - other logs use it
        """Sends and waits until every broker that must has the events; raises ``Unavailable`` when that fails.

        Per partition all events of a round travel in one record batch, which the broker takes whole or not at all, and
        the next round starts when the last has arrived. So a failure cannot leave a later event of a key in the log
        while an earlier one is missing; what is sent again comes as a duplicate, in order.
        """
        with translated():
            try:
                producer = self._open_producer()
                for round_ in _rounds([(event, self._place(producer, event)) for event in events]):
                    self._send(producer, round_)
            except BaseException:
                self._drop_producer()
                raise

    def announce(self, connection: Connection[Any]) -> None:
        """Nothing: readers wait at the broker."""

    def topics(self, prefix: str = "") -> Sequence[str]:
        """The topics that exist and begin so, sorted."""
        with self._asking() as asker:
            return sorted(topic for topic in asker.topics() if topic.startswith(prefix))

    def head(self, topic: str) -> Mapping[int, int]:
        """Per partition the position of the newest event."""
        with self._asking() as asker:
            offsets = asker.end_offsets(partitions_of(asker, topic), timeout_ms=_CALL_MS)
            return {place.partition: offset for place, offset in offsets.items()} or {0: 0}

    def earliest(self, topic: str) -> Mapping[int, int]:
        """Per partition the position before the oldest event that is kept."""
        with self._asking() as asker:
            offsets = asker.beginning_offsets(partitions_of(asker, topic), timeout_ms=_CALL_MS)
            return {place.partition: offset for place, offset in offsets.items()} or {0: 0}

    def read(self, topic: str, partition: int, after: int, limit: int = 100) -> Sequence[Event]:
        """Up to ``limit`` events after a position; raises ``OutOfRange`` (CURSOR_EXPIRED) across a gap."""
        place = kafka.TopicPartition(topic, partition)
        with self._asking() as asker:
            if place not in partitions_of(asker, topic):
                return []
            end = asker.end_offsets([place], timeout_ms=_CALL_MS)[place]
            earliest = asker.beginning_offsets([place], timeout_ms=_CALL_MS)[place]
            if after < earliest:
                raise cursor_expired(TopicPartition(topic, partition), after, earliest)
            asker.assign([place])
            asker.seek(place, after)
            found: list[Event] = []
            deadline = time.monotonic() + CALL_SECONDS
            while len(found) < limit and asker.position(place) < end and time.monotonic() < deadline:
                records = asker.poll(timeout_ms=_SLICE_SECONDS * 1000, max_records=limit - len(found))
                found.extend(events_of(records))
            asker.assign([])
            return found

    def reader(self, topics: Sequence[str], after: Positions, start: Start = "earliest") -> "KafkaReader":
        """A reader of all partitions of the topics, with a client of its own."""
        return KafkaReader(self.consumer(), topics, after, start)

    def consumer(self) -> kafka.KafkaConsumer:
        """A client that belongs to no group; closed by whoever asked for it."""
        with translated():
            consumer: kafka.KafkaConsumer = open_client(
                kafka.KafkaConsumer,
                self._bootstrap,
                **self._client_options,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                metrics_enabled=False,
                fetch_max_wait_ms=250,
                max_partition_fetch_bytes=LARGEST_MESSAGE,
            )
            return consumer

    def close(self) -> None:
        """Closes the producer and the client that answers questions."""
        self._drop_producer()
        with self._guard:
            self._drop_asker()

    def _open_producer(self) -> kafka.KafkaProducer:
        if self._producer is None:
            self._producer = open_client(
                kafka.KafkaProducer,
                self._bootstrap,
                **self._client_options,
                acks="all",
                enable_idempotence=True,
                # One record batch per partition and round: it is sent by flush(), not by age or size.
                linger_ms=600_000,
                batch_size=2 * _BATCH_BYTES,
                delivery_timeout_ms=620_000,
                max_request_size=LARGEST_MESSAGE,
                max_block_ms=int(_CALL_MS),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        return self._producer

    def _place(self, producer: kafka.KafkaProducer, event: Event) -> TopicPartition:
        """Where an event belongs: the Java client's default partitioner, so that other producers agree."""
        count = self._known.get(event.topic)
        if count is None:
            # An operator who keeps the right to make topics has made them.
            if event.topic not in self.topics(event.topic):
                self._create(event.topic)
            count = self._known[event.topic] = len(producer.partitions_for(event.topic))
        return TopicPartition(event.topic, (murmur2(event.key.encode()) & 0x7FFFFFFF) % count)

    def _create(self, topic: str) -> None:
        admin = open_client(kafka.KafkaAdminClient, self._bootstrap, **self._client_options)
        configs = {
            "retention.ms": str(_WEEK_MS),
            "max.message.bytes": str(LARGEST_MESSAGE),
            "cleanup.policy": "delete",
        }
        try:
            with suppress(kafka_errors.TopicAlreadyExistsError):
                admin.create_topics(
                    {topic: {"num_partitions": self._partitions, "configs": configs}}, wait_for_metadata=True
                )
        finally:
            admin.close()

    def _send(self, producer: kafka.KafkaProducer, events: Sequence[tuple[Event, TopicPartition]]) -> None:
        sent = [
            producer.send(
                event.topic,
                value=event.payload,
                key=event.key.encode(),
                headers=to_headers(event),
                partition=place.partition,
            )
            for event, place in events
        ]
        producer.flush(timeout=REQUEST_SECONDS)
        for future in sent:
            future.get(timeout=0)

    def _drop_producer(self) -> None:
        """Forgets a producer at once; what it still holds is not sent, and would be a duplicate if it were."""
        producer, self._producer = self._producer, None
        self._known.clear()
        if producer is not None:
            # close() alone waits for what cannot be sent, gives up and leaves the sending thread behind.
            producer._sender.force_close()
            producer._sender.join(CALL_SECONDS)
            with suppress(kafka_errors.KafkaError):
                producer.close(timeout=0)

    @contextmanager
    def _asking(self) -> Iterator[kafka.KafkaConsumer]:
        """The client that answers single questions, one at a time."""
        with self._guard, translated():
            if self._asker is None:
                self._asker = self.consumer()
            try:
                yield self._asker
            except kafka_errors.KafkaError:
                self._drop_asker()
                raise

    def _drop_asker(self) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.close(autocommit=False, timeout_ms=1000)


def _rounds(placed: Sequence[tuple[Event, TopicPartition]]) -> Iterator[list[tuple[Event, TopicPartition]]]:
    """Splits events, in order, so that those of a partition in one round fit into one record batch."""
    round_: list[tuple[Event, TopicPartition]] = []
    filled: dict[TopicPartition, int] = {}
    for event, place in placed:
        headers = sum(len(name) + len(value) for name, value in to_headers(event))
        size = len(event.payload) + 4 * len(event.key) + headers + _OVERHEAD
        if filled.get(place, 0) and filled[place] + size > _BATCH_BYTES:
            yield round_
            round_, filled = [], {}
        round_.append((event, place))
        filled[place] = filled.get(place, 0) + size
    if round_:
        yield round_
