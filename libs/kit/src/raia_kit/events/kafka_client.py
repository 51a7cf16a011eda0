"""Clients of Kafka: opened without leaving threads behind, their errors in our terms, their messages as events."""

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import kafka
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient

from raia_kit.errors import Unavailable
from raia_kit.events.envelope import Event, UnknownEventType, from_headers

CALL_SECONDS = 5.0
REQUEST_SECONDS = 10.0
LARGEST_MESSAGE = 8 * 1024 * 1024

_LOG = logging.getLogger(__name__)
_BOUNDED = {
    "request_timeout_ms": int(REQUEST_SECONDS * 1000),
    "bootstrap_timeout_ms": int(CALL_SECONDS * 1000),
    "reconnect_backoff_max_ms": 2000,
}


def open_client(kind: Any, bootstrap: Sequence[str], **options: Any) -> Any:
    """A ``KafkaConsumer``, ``KafkaProducer`` or ``KafkaAdminClient`` with bounded waits.

    One that cannot reach a broker leaves its network thread and sockets behind, at every attempt. So the way is tried
    first, and what a failure still opened is closed.
    """
    _try(bootstrap)
    networks: list[KafkaNetClient] = []

    def network(**network_options: Any) -> KafkaNetClient:
        networks.append(KafkaNetClient(**network_options))
        return networks[-1]

    try:
        return kind(bootstrap_servers=list(bootstrap), kafka_client=network, **_BOUNDED, **options)
    except BaseException:
        for opened in networks:
            opened.close()
        raise


def _try(bootstrap: Sequence[str]) -> None:
    """Raises ``OSError`` when none of the addresses (``host:port``) takes a connection."""
    failure = OSError("no address of a broker is set")
    for address in bootstrap:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CALL_SECONDS).close()
        except OSError as error:
            failure = error
        else:
            return
    raise failure


@contextmanager
def translated(away: str = "the event log is away; try again") -> Iterator[None]:
    """Turns the driver's errors into ``Unavailable``."""
    try:
        yield
    except (kafka_errors.KafkaError, OSError) as error:
        raise Unavailable(away, reason="EVENT_LOG_UNAVAILABLE", retry_after=2.0) from error


def partitions_of(consumer: kafka.KafkaConsumer, topic: str) -> list[kafka.TopicPartition]:
    """The partitions of a topic in order; none when it does not exist."""
    return [kafka.TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic) or ())]


def events_of(records: Mapping[kafka.TopicPartition, Sequence[Any]]) -> list[Event]:
    """The events among the messages of a poll; what is none is passed over, and told in the log."""
    found = []
    for place, messages in records.items():
        for message in messages:
            try:
                event = from_headers(
                    list(message.headers),
                    topic=place.topic,
                    partition=place.partition,
                    position=message.offset + 1,
                    key=message.key,
                    payload=message.value,
                )
            except UnknownEventType as error:
                # Somebody else's message on our topic: no consumer could know what it is or whether it saw it before.
                _LOG.warning("passed over: %s", error)
                continue
            found.append(event)
    return found
