"""What every event log must do."""

import threading
import time
from collections import defaultdict

import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPartition
from raia_kit.errors import InvalidArgument, OutOfRange
from raia_kit.events import cursor
from raia_kit.events.envelope import Event, TopicPartition
from raia_kit.events.log import LogReader

from .rig import ORG, Rig, number_of, wait_until, write_next


def drain(reader: LogReader, count: int, seconds: float = 15.0) -> list[Event]:
    end = time.monotonic() + seconds
    found: list[Event] = []
    while len(found) < count and time.monotonic() < end:
        found.extend(reader.poll(0.5).events)
    return found


def by_key(events: list[Event]) -> dict[str, list[int]]:
    numbers = defaultdict(list)
    for event in events:
        numbers[event.key].append(number_of(event))
    return dict(numbers)


def trim(rig: Rig, topic: str, up_to: dict[int, int]) -> None:
    """What retention does, done at once."""
    if rig.backend == "kafka":
        admin = KafkaAdminClient(bootstrap_servers=rig.kafka_bootstrap)
        admin.delete_records({KafkaPartition(topic, partition): offset for partition, offset in up_to.items()})
        admin.close()
        return
    with psycopg.connect(rig.service.admin_url, autocommit=True) as connection:
        connection.execute("delete from raia_log.event where topic = %s and position <= %s", [topic, up_to[0]])


def test_what_is_published_is_read_as_it_was(rig: Rig) -> None:
    events = [rig.event(f"key-{number % 5}", number) for number in range(1, 301)]
    rig.publish(*events[:100])
    rig.publish(*events[100:])
    read = drain(rig.reader(rig.topic), 300)
    assert {event.id: (event.key, event.type, event.payload, dict(event.headers)) for event in read} == {
        event.id: (event.key, event.type, event.payload, dict(event.headers)) for event in events
    }
    assert by_key(read) == by_key(events)
    for place in {event.place for event in read}:
        positions = [event.position for event in read if event.place == place]
        assert positions == list(range(1, len(positions) + 1))
        assert rig.log.head(rig.topic)[place.partition] == len(positions)
    assert len({event.place for event in read if event.key == "key-1"}) == 1


def test_read_gives_what_follows_a_position(rig: Rig) -> None:
    rig.publish(*[rig.event("a", number) for number in range(1, 31)])
    partition, head = next((p, h) for p, h in rig.log.head(rig.topic).items() if h)
    assert head == 30
    found = rig.log.read(rig.topic, partition, 10, limit=5)
    assert [number_of(event) for event in found] == [11, 12, 13, 14, 15]
    assert rig.log.read(rig.topic, partition, 30) == []
    assert rig.log.read(rig.topic, 77, 0) == []


def test_a_topic_that_does_not_exist_is_empty(rig: Rig) -> None:
    assert rig.log.head(rig.topic) == {0: 0}
    assert rig.log.earliest(rig.topic) == {0: 0}
    assert rig.log.read(rig.topic, 0, 0) == []
    assert rig.topic not in rig.log.topics("raia.sample.")
    found = rig.reader(rig.topic).poll(0.3)
    assert not found.events
    assert found.at_head


def test_topics_are_found_by_prefix(rig: Rig) -> None:
    for suffix in ("b", "a"):
        rig.publish(rig.event("key", 1, f"{rig.topic}.{suffix}"))
    assert rig.log.topics(rig.topic) == [f"{rig.topic}.a", f"{rig.topic}.b"]


def test_a_prefix_takes_in_topics_that_come_later_from_their_beginning(rig: Rig) -> None:
    rig.publish(rig.event("key", 1, f"{rig.topic}.a"))
    reader = rig.reader(f"{rig.topic}.*", start="head")
    assert not reader.poll(0.3).events
    rig.publish(rig.event("key", 2, f"{rig.topic}.b"))
    assert [event.topic for event in drain(reader, 1)] == [f"{rig.topic}.b"]


def test_a_reader_goes_on_from_positions_without_gap_or_repetition(rig: Rig) -> None:
    rig.publish(*[rig.event(f"k{number % 7}", number) for number in range(1, 101)])
    first = rig.reader(rig.topic)
    read = list(first.poll(5.0, limit=20).events)
    rig.publish(*[rig.event(f"k{number % 7}", number) for number in range(101, 151)])
    positions = cursor.decode(cursor.encode(first.positions))
    cursor.check(rig.log, positions)
    read += drain(rig.reader(rig.topic, after=positions), 150 - len(read))
    assert sorted(number_of(event) for event in read) == list(range(1, 151))


def test_start_at_the_head_gives_only_what_comes(rig: Rig) -> None:
    rig.publish(*[rig.event("a", number) for number in range(1, 6)])
    reader = rig.reader(rig.topic, start="head")
    assert not reader.poll(0.3).events
    rig.publish(rig.event("a", 6))
    assert [number_of(event) for event in drain(reader, 1)] == [6]


def test_at_the_head_is_told_once_everything_was_read(rig: Rig) -> None:
    rig.publish(*[rig.event("a", number) for number in range(1, 51)])
    reader = rig.reader(rig.topic)
    before, events, found = time.monotonic(), 0, None
    while found is None or not found.at_head:
        found = reader.poll(1.0, limit=20)
        events += len(found.events)
    assert events == 50
    assert before <= found.as_of <= time.monotonic()


def test_wake_ends_a_poll(rig: Rig) -> None:
    reader = rig.reader(rig.topic)
    reader.poll(0.1)
    threading.Timer(0.2, reader.wake).start()
    begin = time.monotonic()
    assert not reader.poll(10.0).events
    assert time.monotonic() - begin < 3


def test_a_position_before_the_oldest_event_is_never_a_silent_gap(rig: Rig) -> None:
    rig.publish(*[rig.event("a", number) for number in range(1, 21)])
    partition = next(p for p, head in rig.log.head(rig.topic).items() if head)
    place = TopicPartition(rig.topic, partition)
    trim(rig, rig.topic, {partition: 10})
    wait_until(lambda: rig.log.earliest(rig.topic)[partition] == 10)
    with pytest.raises(OutOfRange) as refused:
        rig.log.read(rig.topic, partition, 5)
    assert refused.value.reason == "CURSOR_EXPIRED"
    with pytest.raises(OutOfRange):
        cursor.check(rig.log, {place: 5})
    with pytest.raises(OutOfRange):
        drain(rig.reader(rig.topic, after={place: 5}), 1)
    with pytest.raises(InvalidArgument):
        cursor.check(rig.log, {place: 21})
    cursor.check(rig.log, {place: 10})
    assert len(drain(rig.reader(rig.topic, after={place: 10}), 10)) == 10
    assert len(drain(rig.reader(rig.topic), 10)) == 10, "a reader without a position begins at the oldest event"


def test_retention_that_overtakes_a_reader_is_told(postgres_rig: Rig) -> None:
    rig = postgres_rig
    rig.publish(*[rig.event("a", number) for number in range(1, 6)])
    reader = rig.reader(rig.topic)
    drain(reader, 5)
    rig.publish(*[rig.event("a", number) for number in range(6, 21)])
    trim(rig, rig.topic, {0: 20})
    with pytest.raises(OutOfRange):
        reader.poll(0.5)


def test_many_writers_lose_nothing_and_keep_the_order_of_commits(rig: Rig) -> None:
    rig.relay()
    reader = rig.reader(rig.topic)

    def work(writer: int) -> None:
        for number in range(50):
            with rig.database.unit_of_work(ORG) as unit:
                write_next(unit, f"key-{(writer + number) % 4}", rig.topic)

    writers = [threading.Thread(target=work, args=[writer]) for writer in range(5)]
    for thread in writers:
        thread.start()
    read = drain(reader, 250, 30)
    for thread in writers:
        thread.join()
    wait_until(lambda: rig.rows("select count(*) from outbox") == [(0,)])
    read += reader.poll(0.5).events
    assert len(read) == 250
    written = dict(rig.rows("select key, n from resource"))
    assert by_key(read) == {key: list(range(1, last + 1)) for key, last in written.items()}
