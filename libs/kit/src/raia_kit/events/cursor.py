"""Opaque cursors: how far a client has read, per topic and partition, as one string."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from raia_kit.errors import InvalidArgument
from raia_kit.events.envelope import TopicPartition
from raia_kit.events.log import EventLog, Positions, cursor_expired

_VERSION = 1
_LONGEST = 16 * 1024
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,248}")
_LARGEST = 2**63 - 1


def encode(positions: Positions) -> str:
    """The cursor for these positions: url-safe text, the same for the same positions."""
    topics: dict[str, dict[str, int]] = {}
    for (topic, partition), position in positions.items():
        topics.setdefault(topic, {})[str(partition)] = position
    data = orjson.dumps({"v": _VERSION, "t": topics}, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(cursor: str) -> dict[TopicPartition, int]:
    """The positions in a cursor; raises ``InvalidArgument`` (CURSOR_INVALID) when no ``encode`` wrote it."""
    if len(cursor) > _LONGEST:
        raise _invalid()
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return dict(_positions(orjson.loads(data)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError, TypeError, KeyError) as error:
        raise _invalid() from error


def check(log: EventLog, positions: Positions) -> None:
    """Raises ``OutOfRange`` (CURSOR_EXPIRED) when the log no longer holds what follows one of the positions.

    A position past the end, or a partition that does not exist, is of another log: ``InvalidArgument``.
    """
    for topic in {place.topic for place in positions}:
        earliest, head = log.earliest(topic), log.head(topic)
        for place, position in positions.items():
            if place.topic != topic:
                continue
            if position > head.get(place.partition, 0):
                raise _invalid()
            if position < earliest.get(place.partition, 0):
                raise cursor_expired(place, position, earliest[place.partition])


def _positions(document: Any) -> list[tuple[TopicPartition, int]]:
    if not isinstance(document, Mapping) or document["v"] != _VERSION or set(document) != {"v", "t"}:
        raise ValueError("not a cursor")
    if not isinstance(document["t"], Mapping):
        raise TypeError("not a mapping of topics")
    found = []
    for topic, partitions in document["t"].items():
        if not _TOPIC.fullmatch(topic) or not isinstance(partitions, Mapping):
            raise ValueError("not a topic")
        for partition, position in partitions.items():
            if not re.fullmatch(r"0|[1-9][0-9]{0,5}", partition):
                raise ValueError("not a partition")
            if type(position) is not int or not 0 <= position <= _LARGEST:
                raise ValueError("not a position")
            found.append((TopicPartition(topic, int(partition)), position))
    return found


def _invalid() -> InvalidArgument:
    return InvalidArgument.of_field("cursor", "take it unchanged from an earlier answer", reason="CURSOR_INVALID")
