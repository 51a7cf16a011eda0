"""The platform in the distributed settings: events in Kafka, limits and cache in Redis, objects in S3."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import kafka
import psycopg
import pytest
import redis
from websockets.sync.client import ClientConnection, connect

from tests.conftest import Platform, start_platform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.servers("kafka"),
    pytest.mark.servers("redis"),
    pytest.mark.servers("s3"),
]

TOPIC = "raia.ingest.dataset"
PREFIX = "raia"
ROWS = b"age,income\n" + b"".join(b"%d,%d\n" % (20 + n % 50, 1000 * n) for n in range(200))


@pytest.fixture(scope="module")
def bucket(s3_url: str) -> str:
    from raia_testing import servers

    return servers.create_bucket(s3_url)


@pytest.fixture(scope="module")
def distributed(
    tmp_path_factory: pytest.TempPathFactory,
    kafka_bootstrap: str,
    redis_url: str,
    s3_options: dict[str, str],
    bucket: str,
) -> Iterator[Platform]:
    running = start_platform(
        tmp_path_factory.mktemp("distributed"),
        RAIA_EVENTS="kafka",
        RAIA_KAFKA_BOOTSTRAP=kafka_bootstrap,
        RAIA_KAFKA_OPTIONS=json.dumps({"security_protocol": "PLAINTEXT", "client_id": "raia-distributed"}),
        RAIA_REDIS_URL=redis_url,
        RAIA_OBJECTS_URL=f"s3://{bucket}/{PREFIX}",
        RAIA_OBJECTS_OPTIONS=json.dumps(s3_options),
    )
    try:
        yield running
    finally:
        running.stop()


def upload(platform: Platform, token: str, name: str) -> httpx.Response:
    with platform.client(token) as client:
        answer = client.post("/api/v1/datasets/upload", files={"file": (f"{name}.csv", ROWS)})
    assert answer.status_code == 201, answer.text
    return answer


def open_socket(platform: Platform, token: str) -> ClientConnection:
    return connect(
        platform.url.replace("http", "ws", 1) + "/ws/real-time",
        additional_headers={"authorization": f"Bearer {token}"},
        open_timeout=15,
    )


def subscribe(socket: ClientConnection, **cursor: str) -> dict[str, Any]:
    socket.send(json.dumps({"op": "subscribe", "topics": [TOPIC], **cursor}))
    answer: dict[str, Any] = json.loads(socket.recv(timeout=15))
    assert answer["op"] == "subscribed", answer
    return answer


def uploads_seen(socket: ClientConnection, count: int) -> tuple[list[str], str]:
    """The datasets of the next uploads that the socket tells of, and the cursor behind the last."""
    found: list[str] = []
    while len(found) < count:
        message = json.loads(socket.recv(timeout=20))
        if message["op"] == "event" and message["event"]["type"].endswith("DatasetUploaded"):
            found.append(message["event"]["data"]["dataset_id"])
            last = message["cursor"]
    return found, last


def sequenced(client: httpx.Client, audit_id: str) -> dict[str, Any]:
    """The ledger's entry of this id, waited for."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        entries = client.get("/api/v1/audit/logs", params={"page_size": 100}).json()["entries"]
        for entry in entries:
            if entry["id"] == audit_id:
                return dict(entry)
        time.sleep(0.1)
    raise AssertionError(f"entry {audit_id} has not come into the ledger")


def test_upload_is_profiled_and_its_bytes_lie_in_the_bucket(
    distributed: Platform, s3_options: dict[str, str], bucket: str
) -> None:
    token = distributed.register()
    dataset = upload(distributed, token, "profiled").json()["id"]
    with distributed.client(token) as client:
        profile = client.get(f"/api/v1/datasets/{dataset}/profile", params={"wait": "30s"})
        assert profile.status_code == 200, profile.text
        assert profile.json()["status"] == "succeeded", profile.text
        ages = next(column for column in profile.json()["columns"] if column["name"] == "age")
        assert (ages["numeric"]["minimum"], ages["numeric"]["maximum"]) == (20, 69)
    store = boto3.client(
        "s3",
        endpoint_url=s3_options["endpoint"],
        aws_access_key_id=s3_options["access_key_id"],
        aws_secret_access_key=s3_options["secret_access_key"],
        region_name=s3_options["region"],
    )
    listed = store.list_objects_v2(Bucket=bucket, Prefix=f"{PREFIX}/ingest/org/")["Contents"]
    assert len(ROWS) in {each["Size"] for each in listed}
    assert not list((distributed.home / "objects").rglob("*")), "an object lies in the home folder"


def test_audit_entries_travel_over_kafka_into_the_ledger(distributed: Platform) -> None:
    token = distributed.register()
    answer = upload(distributed, token, "audited")
    with distributed.client(token) as client:
        entry = sequenced(client, answer.headers["raia-audit-id"])
        assert (entry["service"], entry["resource_id"]) == ("ingest", answer.json()["id"])
        assert int(entry["place"]) >= 1
        verified = client.get("/api/v1/audit/verify").json()
    assert verified["intact"]
    assert int(verified["entries_checked"]) >= int(entry["place"])


def test_events_are_in_kafka_and_not_in_postgresql(distributed: Platform, kafka_bootstrap: str) -> None:
    upload(distributed, distributed.register(), "logged")
    consumer = kafka.KafkaConsumer(bootstrap_servers=[kafka_bootstrap], group_id=None, metrics_enabled=False)
    try:
        places = [kafka.TopicPartition(TOPIC, number) for number in sorted(consumer.partitions_for_topic(TOPIC) or ())]
        assert sum(consumer.end_offsets(places).values()) > 0
    finally:
        consumer.close(autocommit=False)
    port = int((distributed.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3])
    password = (distributed.home / "secrets" / "database_gateway").read_text()
    with psycopg.connect(f"postgresql://raia_gateway:{password}@127.0.0.1:{port}/raia") as connection:
        row = connection.execute("select count(*) from raia_log.event").fetchone()
    assert row is not None
    assert row[0] == 0


def test_a_websocket_gets_the_event_and_goes_on_from_its_cursor(distributed: Platform) -> None:
    token = distributed.register()
    with open_socket(distributed, token) as socket:
        subscribe(socket)
        first = upload(distributed, token, "live").json()["id"]
        seen, cursor = uploads_seen(socket, 1)
        assert seen == [first]
    missed = [upload(distributed, token, f"missed-{number}").json()["id"] for number in range(5)]
    with open_socket(distributed, token) as socket:
        subscribe(socket, cursor=cursor)
        seen, _ = uploads_seen(socket, len(missed))
    # Different datasets may lie in different partitions: nothing is lost or told twice, the order is each one's own.
    assert sorted(seen) == sorted(missed)


def test_another_tenants_events_stay_theirs(distributed: Platform) -> None:
    mine, theirs = distributed.register(), distributed.register()
    with open_socket(distributed, mine) as socket:
        subscribe(socket)
        upload(distributed, theirs, "theirs")
        own = upload(distributed, mine, "mine").json()["id"]
        seen, _ = uploads_seen(socket, 1)
        assert seen == [own]
        with pytest.raises(TimeoutError):
            uploads_seen_within(socket, 2.0)


def uploads_seen_within(socket: ClientConnection, seconds: float) -> str:
    """The next upload that the socket tells of; raises ``TimeoutError`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        message = json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
        if message["op"] == "event" and message["event"]["type"].endswith("DatasetUploaded"):
            return str(message["event"]["data"]["dataset_id"])


def test_limits_are_counted_in_redis(distributed: Platform, redis_url: str) -> None:
    token = distributed.register()
    with distributed.client(token) as client:
        assert client.get("/api/v1/datasets").status_code == 200
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() > 0


def test_everything_stays_healthy(distributed: Platform) -> None:
    with distributed.client(distributed.admin_token()) as client:
        for _ in range(10):
            detailed = client.get("/api/v1/health/detailed").json()
            assert {each["name"] for each in detailed["services"]} >= set(distributed.services())
            assert {each["status"] for each in detailed["services"]} == {"serving"}, json.dumps(detailed, indent=1)
            time.sleep(0.5)
