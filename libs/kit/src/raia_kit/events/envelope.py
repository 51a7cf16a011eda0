"""The envelope of an event: CloudEvents attributes around a protobuf payload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from raia_kit.context import Actor
from raia_kit.contract import contract_files

_PREFIX = "ce_"
_CONTENT_TYPE = "application/protobuf"


class UnknownEventType(Exception):
    """No contract of this release describes the event's type, or the payload does not parse as it."""


class TopicPartition(NamedTuple):
    """One ordered part of a topic; on PostgreSQL a topic is partition 0 alone."""

    topic: str
    partition: int = 0


@dataclass(frozen=True)
class Event:
    """One event as it stands in the log; ``position`` is 0 until it is published and counts from 1 in its partition."""

    id: UUID
    topic: str
    key: str
    type: str
    """Full name of the payload's protobuf message."""
    payload: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    """``orgid``, ``actor``, ``correlationid``, ``traceparent``, ``time`` and ``source``."""
    partition: int = 0
    position: int = 0

    @property
    def place(self) -> TopicPartition:
        """The partition it stands in."""
        return TopicPartition(self.topic, self.partition)

    @property
    def org_id(self) -> UUID | None:
        """The organisation it belongs to; None for the platform's own events."""
        org_id = self.headers.get("orgid", "")
        return UUID(org_id) if org_id else None

    @property
    def actor(self) -> Actor:
        """On whose behalf the change was made."""
        return parse_actor(self.headers.get("actor", ""))

    @property
    def correlation_id(self) -> str:
        """The request that the change belongs to."""
        return self.headers.get("correlationid", "")

    @property
    def time(self) -> datetime | None:
        """When the change was made; None when the sender did not say."""
        try:
            return datetime.fromisoformat(self.headers.get("time", ""))
        except ValueError:
            return None

    def decode(self) -> Message:
        """The payload as the message that ``type`` names; raises ``UnknownEventType`` if that cannot be."""
        message = _message_class(self.type)()
        try:
            message.ParseFromString(self.payload)
        except DecodeError as error:
            raise UnknownEventType(f"the payload of event {self.id} is no {self.type}") from error
        return message


def parse_actor(text: str) -> Actor:
    """The ``Actor`` that ``str(actor)`` wrote; what it does not understand it leaves out."""
    found: dict[str, str] = {}
    for part in text.split("/"):
        kind, _, value = part.partition(":")
        found[kind] = value
    try:
        user_id = UUID(found["user"]) if found.get("user") else None
    except ValueError:
        user_id = None
    return Actor(user_id=user_id, service=found.get("service") or None)


def to_headers(event: Event) -> list[tuple[str, bytes]]:
    """The CloudEvents attributes of a message in Kafka's binary mode; empty ones are left out, as the standard asks."""
    attributes = {
        **event.headers,
        "specversion": "1.0",
        "id": str(event.id),
        "type": event.type,
        "subject": event.key,
    }
    headers = [(_PREFIX + name, value.encode()) for name, value in attributes.items() if value]
    return [*headers, ("content-type", _CONTENT_TYPE.encode())]


def from_headers(
    headers: list[tuple[str, bytes]],
    *,
    topic: str,
    partition: int,
    position: int,
    key: bytes | None,
    payload: bytes | None,
) -> Event:
    """The event that ``to_headers`` wrote; raises ``UnknownEventType`` when a foreign message lacks id or type."""
    attributes = {name.removeprefix(_PREFIX): value.decode() for name, value in headers if name.startswith(_PREFIX)}
    try:
        event_id, event_type = UUID(attributes.pop("id")), attributes.pop("type")
    except (KeyError, ValueError) as error:
        raise UnknownEventType(f"the message at {topic}/{partition}/{position} is no event of the platform") from error
    subject = attributes.pop("subject", "")
    attributes.pop("specversion", None)
    return Event(
        id=event_id,
        topic=topic,
        key=key.decode() if key is not None else subject,
        type=event_type,
        payload=payload or b"",
        headers=attributes,
        partition=partition,
        position=position,
    )


def _message_class(full_name: str) -> type[Message]:
    pool = descriptor_pool.Default()
    for attempt in range(2):
        try:
            return message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))
        except KeyError as error:
            if attempt:
                raise UnknownEventType(f"no contract describes events of type {full_name}") from error
            contract_files()  # imports every generated module, which registers its messages
    raise AssertionError("unreachable")
