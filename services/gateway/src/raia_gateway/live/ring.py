"""The newest events of the whole log in memory, and how far back they reach without a gap."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
from raia_kit.events.envelope import Event, TopicPartition

from raia_gateway.live.messages import event_document


@dataclass
class Entry:
    """One event, with what is made of it at most once."""

    event: Event
    org_id: UUID | None = field(init=False)

    def __post_init__(self) -> None:
        self.org_id = self.event.org_id

    @cached_property
    def document(self) -> dict[str, Any]:
        """The event as clients see it."""
        return event_document(self.event)

    @cached_property
    def encoded(self) -> bytes:
        """The same as JSON."""
        return orjson.dumps(self.document)

    @cached_property
    def project_id(self) -> UUID | None:
        """The project that the event's resource belongs to, if the payload names one."""
        data = self.document["data"]
        text = data.get("project_id", "") if isinstance(data, dict) else ""
        try:
            return UUID(text) if text else None
        except ValueError:
            return None


class Ring:
    """A bounded queue of events in the order in which the gateway read them."""

    def __init__(self, size: int, heads: Mapping[TopicPartition, int]) -> None:
        """``heads``: where reading begins; a partition that is not named is read from its beginning."""
        self._entries: deque[Entry] = deque()
        self._size = size
        self._from = dict(heads)
        self._places: dict[str, list[TopicPartition]] = {}
        self.heads: dict[TopicPartition, int] = {}
        """Per partition the position of the newest event that was read."""
        for place, head in heads.items():
            self._see(place, head)

    def _see(self, place: TopicPartition, position: int) -> None:
        if place not in self.heads:
            self._places.setdefault(place.topic, []).append(place)
        self.heads[place] = position

    def add(self, entry: Entry) -> None:
        """Takes the next event, forgetting the oldest when there are too many."""
        self._entries.append(entry)
        self._see(entry.event.place, entry.event.position)
        if len(self._entries) > self._size:
            oldest = self._entries.popleft().event
            self._from[oldest.place] = oldest.position

    def reaches(self, place: TopicPartition) -> int:
        """The position from which on everything of a partition is here."""
        return self._from.get(place, 0)

    def after(self, topics: Collection[str], positions: Mapping[TopicPartition, int]) -> Iterator[Entry]:
        """The events of these topics that follow these positions; of a partition without one, all."""
        for entry in self._entries:
            event = entry.event
            if event.topic in topics and event.position > positions.get(event.place, 0):
                yield entry

    def places(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic that were seen; partition 0 when none was."""
        return self._places.get(topic) or [TopicPartition(topic)]
