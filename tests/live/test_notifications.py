"""Notifications arrive live, at their own user alone."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.conftest import Platform

TOPIC = "raia.workspace.notification"


def receive(socket: ClientConnection, op: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=30))
        if message["op"] == op:
            return message
        assert message["op"] == "heartbeat", message


@contextmanager
def listening(platform: Platform, token: str) -> Iterator[ClientConnection]:
    address = platform.url.replace("http", "ws", 1) + "/ws/real-time"
    with connect(address, additional_headers={"authorization": f"Bearer {token}"}, open_timeout=10) as socket:
        socket.send(json.dumps({"op": "subscribe", "topics": [TOPIC]}))
        receive(socket, "subscribed")
        yield socket


@pytest.mark.slow
def test_whoever_uploads_is_told_and_a_colleague_is_not(platform: Platform) -> None:
    email, password = f"data-{secrets.token_hex(4)}@example.com", "attentive " + secrets.token_hex(8)
    with platform.client(platform.admin_token()) as client:
        body = {"email": email, "password": password, "roles": ["data_scientist"]}
        assert client.post("/api/v1/users", json=body).status_code == 201
    token = platform.sign_in(email, password)
    with listening(platform, token) as own, listening(platform, platform.admin_token()) as colleague:
        for who in (token, platform.admin_token()):
            with platform.client(who) as client:
                files = {"file": (f"live-{secrets.token_hex(4)}.csv", b"a,b\n1,2\n")}
                uploaded = client.post("/api/v1/datasets/upload", files=files).json()
            socket = own if who == token else colleague
            event = receive(socket, "event")["event"]
            # The first that the colleague hears of is their own upload: the other's was not shown to them.
            assert event["data"]["resource_id"] == uploaded["id"]
            assert event["data"]["type"] == "dataset_ready"
