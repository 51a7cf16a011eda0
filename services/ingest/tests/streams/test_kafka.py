"""Streams that read topics of a real broker."""

import random
import time
from uuid import uuid4

import kafka
import orjson
import pytest
from kafka.admin import NewTopic

from ..rig import Rig, wait_until
from ..test_faults import Alone
from .calls import SCHEMA, Streams, record, table

pytestmark = [pytest.mark.servers("kafka"), pytest.mark.slow]


@pytest.fixture
def topic(kafka_bootstrap) -> str:
    """A new topic of three partitions."""
    name = f"orders-{uuid4().hex[:12]}"
    admin = kafka.KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics([NewTopic(name, 3, 1)])
    admin.close()
    return name


@pytest.fixture
def producer(kafka_bootstrap):
    made = kafka.KafkaProducer(bootstrap_servers=kafka_bootstrap, linger_ms=20)
    yield made
    made.close()


@pytest.fixture
def own(postgres, tmp_path):
    """A service of one test's own, which may reach the broker of the tests."""
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, stream_private_brokers=True)
        try:
            yield rig
        finally:
            rig.close()


def send(producer, topic, numbers):
    for number in numbers:
        producer.send(topic, orjson.dumps(record(number)), partition=number % 3)
    producer.flush()


def connection(bootstrap, topic, **more):
    return {"bootstrap_servers": [bootstrap], "topic": topic, **more}


def test_a_topic_is_read_checked_stopped_and_read_on(own, kafka_bootstrap, topic, producer):
    streams = Streams(own.channel, own.hire())
    send(producer, topic, range(900))
    for value in (b"{", None, b"[1]", b'{"id": "x"}', b'{"id": 1, "region": "\\u0000"}'):
        producer.send(topic, value, key=b"k", partition=0)
    producer.flush()
    made = streams.CreateStream(
        name="orders", source_type="kafka", schema_info=SCHEMA, connection_config=connection(kafka_bootstrap, topic)
    )
    streams.StartStream(id=made.id)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_received == 905, 30)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).lag == 0)
    metrics = streams.GetStreamMetrics(id=made.id)
    assert (metrics.records_stored, metrics.records_rejected) == (900, 5)
    assert [(each.partition, each.next_offset) for each in metrics.partitions] == [(0, 305), (1, 300), (2, 300)]
    found = streams.ListStreamRejections(id=made.id).rejections
    assert sorted(each.code for each in found) == ["no_value", "not_allowed", "not_an_object", "not_json", "type"]
    assert {each.position for each in found} == {f"partition 0, offset {offset}" for offset in range(300, 305)}
    streams.StopStream(id=made.id)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_landed == 900, 30)
    send(producer, topic, range(900, 1000))
    time.sleep(1.5)
    assert streams.GetStreamMetrics(id=made.id).records_received == 905
    streams.StartStream(id=made.id)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_received == 1005, 30)
    streams.StopStream(id=made.id)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_landed == 1000, 30)
    assert sorted(table(own, made.id).column("id").to_pylist()) == list(range(1000))


def test_latest_begins_at_the_end_and_new_partitions_are_taken_up(own, kafka_bootstrap, topic, producer):
    streams = Streams(own.channel, own.hire())
    send(producer, topic, range(30))
    made = streams.CreateStream(
        name="late",
        source_type="kafka",
        schema_info=SCHEMA,
        connection_config=connection(kafka_bootstrap, topic, start_from="latest"),
    )
    streams.StartStream(id=made.id)
    wait_until(lambda: len(streams.GetStreamMetrics(id=made.id).partitions) == 3, 30)
    send(producer, topic, range(100, 103))
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_stored == 3, 30)
    admin = kafka.KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_partitions({topic: 4})
    admin.close()
    for number, packed in enumerate((None, "gzip", "snappy", "lz4", "zstd")):
        fresh = kafka.KafkaProducer(bootstrap_servers=kafka_bootstrap, compression_type=packed)
        fresh.send(topic, orjson.dumps(record(200 + number)), partition=3)
        fresh.close()
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_stored == 8, 30)


def test_what_retention_removed_stops_the_stream_until_the_gap_is_accepted(own, kafka_bootstrap, topic, producer):
    streams = Streams(own.channel, own.hire())
    send(producer, topic, range(30))
    made = streams.CreateStream(
        name="gap", source_type="kafka", schema_info=SCHEMA, connection_config=connection(kafka_bootstrap, topic)
    )
    streams.StartStream(id=made.id)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_stored == 30, 30)
    streams.StopStream(id=made.id)
    send(producer, topic, range(30, 60))
    admin = kafka.KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_records({kafka.TopicPartition(topic, 0): 14})
    admin.close()
    streams.StartStream(id=made.id)
    wait_until(lambda: streams.GetStream(id=made.id).status == "failed", 30)
    assert "retention removed 4 records" in streams.GetStream(id=made.id).error
    streams.StartStream(id=made.id, accept_gap=True)
    wait_until(lambda: streams.GetStreamMetrics(id=made.id).records_stored == 56, 30)
    assert streams.GetStreamMetrics(id=made.id).records_lost == 4
    assert "StreamFailed" in own.events(made.id)


def test_a_broker_that_is_away_or_not_public_is_told_and_waited_for(rig, own):
    for service, address, said in ((own, "127.0.0.1:9", "cannot be reached"), (rig, "127.0.0.1:9", "not public")):
        streams = Streams(service.channel, service.hire())
        made = streams.CreateStream(
            name="away", source_type="kafka", schema_info=SCHEMA, connection_config=connection(address, "t")
        )
        streams.StartStream(id=made.id)
        wait_until(lambda s=streams, i=made.id, t=said: t in s.GetStream(id=i).error, 30)
        assert streams.GetStream(id=made.id).status == "running"
        streams.StopStream(id=made.id)


@pytest.mark.timeout(1800)
def test_every_record_is_stored_once_whatever_is_killed(postgres, tmp_path, kafka_bootstrap, topic, producer, request):
    count = 1_000_000 if request.config.getoption("--soak") else 20_000
    rng = random.Random(95)
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, stream_private_brokers=True)
        person = rig.hire()
        rig.close()
        alone = Alone(rig, person)
        try:
            made = Streams(alone.channel, person).CreateStream(
                name="killed",
                source_type="kafka",
                schema_info=SCHEMA,
                connection_config=connection(kafka_bootstrap, topic),
                landing={"max_records": count // 8, "max_seconds": 2},
            )
            Streams(alone.channel, person).StartStream(id=made.id)
            kills = 0
            for begin in range(0, count, count // 10):
                send(producer, topic, range(begin, begin + count // 10))
                if kills < 6:
                    time.sleep(rng.uniform(0.2, 1.5))
                    alone.kill()
                    alone.start()
                    kills += 1

            def metrics():
                return Streams(alone.channel, person).GetStreamMetrics(id=made.id)

            wait_until(lambda: metrics().records_received >= count, 900)
            Streams(alone.channel, person).StopStream(id=made.id)
            wait_until(lambda: metrics().records_landed >= count, 300)
            found = metrics()
            assert (found.records_received, found.records_landed, found.records_rejected) == (count, count, 0)
            rows = table(rig, made.id).column("id").to_pylist()
            assert len(rows) == count
            assert sorted(rows) == list(range(count))
        finally:
            alone.kill()
