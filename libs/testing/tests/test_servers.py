"""Each server fixture gives something that answers as the real thing does."""

import boto3
import kafka
import psycopg
import pytest
import redis
from raia_testing.postgres import PostgresServer
from raia_testing.requirement import PREFIX, summary


def test_the_same_server_gives_separate_databases(postgres: PostgresServer) -> None:
    with postgres.empty_database() as first, postgres.empty_database() as second:
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute("create table only_here ()")
        with psycopg.connect(second) as connection:
            assert connection.execute("select to_regclass('only_here')").fetchone() == (None,)


@pytest.mark.servers("redis")
def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


@pytest.mark.servers("kafka")
def test_kafka_gives_back_what_was_sent(kafka_bootstrap: str) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=kafka_bootstrap)
    producer.send("raia.test", b"hello").get(30)
    producer.close()
    consumer = kafka.KafkaConsumer(
        "raia.test", bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    )
    assert next(consumer).value == b"hello"
    consumer.close()


@pytest.mark.servers("s3")
def test_s3_keeps_an_object(s3_url: str, s3_options: dict[str, str], s3_bucket: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        aws_access_key_id=s3_options["access_key_id"],
        aws_secret_access_key=s3_options["secret_access_key"],
        region_name=s3_options["region"],
    )
    client.put_object(Bucket=s3_bucket, Key="a", Body=b"bytes")
    assert client.get_object(Bucket=s3_bucket, Key="a")["Body"].read() == b"bytes"


def test_the_summary_names_each_missing_server_once() -> None:
    reasons = [
        f"Skipped: {PREFIX}redis (redis-server is not installed); install: apt-get install -y redis-server",
        f"Skipped: {PREFIX}redis (ended with code 1: oops); install: apt-get install -y redis-server",
        f"Skipped: {PREFIX}s3 (does not answer); install: uv sync",
        "Skipped: another reason",
    ]
    line = summary(reasons)
    assert line == "skipped for want of a server, install with: redis: apt-get install -y redis-server; s3: uv sync"
    assert summary(["Skipped: another reason"]) is None
