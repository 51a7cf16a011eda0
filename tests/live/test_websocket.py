"""A client that keeps losing its connection misses nothing and sees nothing twice."""

import json
import random
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import Platform

TOPIC = "raia.ingest.dataset"


def open_socket(platform: Platform, token: str) -> ClientConnection:
    return connect(
        platform.url.replace("http", "ws", 1) + "/ws/real-time",
        additional_headers={"authorization": f"Bearer {token}"},
        open_timeout=15,
    )


def received(socket: ClientConnection, timeout: float) -> dict | None:
    try:
        return json.loads(socket.recv(timeout=timeout))
    except (TimeoutError, ConnectionClosed):
        return None


@pytest.mark.slow
def test_fifty_drops_lose_nothing(platform: Platform) -> None:
    token = platform.register()
    uploads, done, expected = 60, threading.Event(), []

    def upload_all() -> None:
        with platform.client(token) as client:
            for number in range(uploads):
                answer = client.post("/api/v1/datasets/upload", files={"file": (f"drop-{number}.csv", b"a,b\n1,2\n")})
                expected.append(answer.json()["id"])
        done.set()

    with open_socket(platform, token) as socket:
        socket.send(json.dumps({"op": "subscribe", "topics": [TOPIC]}))
        first = received(socket, 10)
        assert first is not None
        assert first["op"] == "subscribed"
        cursor = first["cursor"]

    writer = threading.Thread(target=upload_all)
    writer.start()
    chance, drops, ids, uploaded = random.Random(7), 0, [], []
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with open_socket(platform, token) as socket:
            socket.send(json.dumps({"op": "subscribe", "topics": [TOPIC], "cursor": cursor}))
            until = time.monotonic() + chance.uniform(0.05, 0.4)
            while time.monotonic() < until:
                message = received(socket, 0.1)
                if message is None or message["op"] != "event":
                    continue
                cursor = message["cursor"]
                ids.append(message["event"]["id"])
                if message["event"]["type"].endswith("DatasetUploaded"):
                    uploaded.append(message["event"]["data"]["dataset_id"])
        drops += 1
        if done.is_set() and drops >= 50 and len(uploaded) >= uploads:
            break
    writer.join()
    assert drops >= 50
    assert len(ids) == len(set(ids))
    assert uploaded == expected


def test_without_a_token_the_handshake_is_refused(platform: Platform) -> None:
    with platform.client() as client:
        upgrade = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        assert client.get("/ws/real-time", headers=upgrade).status_code == 401
        assert client.get("/ws/unknown", headers=upgrade).status_code == 404


def test_another_tenants_events_are_not_seen(platform: Platform) -> None:
    mine, theirs = platform.register(), platform.register()
    with open_socket(platform, mine) as socket:
        socket.send(json.dumps({"op": "subscribe", "topics": [TOPIC]}))
        assert received(socket, 10)["op"] == "subscribed"
        for token, name in ((theirs, "theirs.csv"), (mine, "mine.csv")):
            with platform.client(token) as client:
                assert client.post("/api/v1/datasets/upload", files={"file": (name, b"a\n1\n")}).status_code == 201
        events = []
        while (message := received(socket, 5)) is not None and len(events) < 2:
            if message["op"] == "event":
                events.append(message["event"])
    assert events
    assert {event["data"]["name"] for event in events} == {"mine"}
