"""What a consumer writes in the transaction of an event's effect, so that the effect happens once."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from raia_kit.database import UnitOfWork
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.log import Positions

_CLAIM = text("insert into inbox (consumer, event_id) values (:consumer, :event_id) on conflict do nothing returning 1")
_ADVANCE = """
insert into consumer_position as old (consumer, topic, partition, position)
values (:consumer, :topic, :partition, :position)
on conflict (consumer, topic, partition) do update set position = greatest(old.position, excluded.position)
"""
_CLAIM_AND_ADVANCE = text(f"with advanced as ({_ADVANCE}) {_CLAIM.text}")
_CLAIM_ALL = text("""
insert into inbox (consumer, event_id) select :consumer, unnest(cast(:event_ids as uuid[])) on conflict do nothing
returning event_id
""")
_POSITIONS = text("select topic, partition, position from consumer_position where consumer = :consumer")


def claim(unit: UnitOfWork, consumer: str, event: Event, *, advance: bool = True) -> bool:
    """Notes that ``consumer`` has handled the event, and its position; False when it had been handled before.

    Of two transactions that claim the same event one waits for the other: the effect belongs to one of them.
    """
    parameters = {"consumer": consumer, "event_id": event.id}
    if advance:
        parameters |= {"topic": event.topic, "partition": event.partition, "position": event.position}
    return unit.session.execute(_CLAIM_AND_ADVANCE if advance else _CLAIM, parameters).first() is not None


def claim_all(unit: UnitOfWork, consumer: str, events: Sequence[Event]) -> set[UUID]:
    """As ``claim`` for several events; the ids of those that had not been handled before."""
    # In the order of ids, so that two that claim the same events wait for each other rather than lock each other out.
    event_ids = sorted({event.id for event in events})
    new = set(unit.session.execute(_CLAIM_ALL, {"consumer": consumer, "event_ids": event_ids}).scalars())
    advance(unit, consumer, {event.place: event.position for event in events})
    return new


def advance(unit: UnitOfWork, consumer: str, positions: Positions) -> None:
    """Notes how far ``consumer`` has come; a position never goes back."""
    rows = [
        {"consumer": consumer, "topic": place.topic, "partition": place.partition, "position": position}
        for place, position in sorted(positions.items())
    ]
    if rows:
        unit.session.execute(text(_ADVANCE), rows)


def positions(unit: UnitOfWork, consumer: str) -> dict[TopicPartition, int]:
    """How far ``consumer`` has come."""
    rows = unit.session.execute(_POSITIONS, {"consumer": consumer}).all()
    return {TopicPartition(row.topic, row.partition): row.position for row in rows}
