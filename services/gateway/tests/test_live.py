"""WebSockets against a real event log: subscribe, replay, tenants, slow clients, tokens that end."""

import json
import random
import socket as tcp
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from uuid import UUID

import psycopg
import pytest
from raia.ingest.events.v1 import dataset_events_pb2
from raia_gateway.application import Parts
from raia_gateway.live.connection import LiveLimits
from raia_gateway.live.hub import Hub
from raia_gateway.live.topics import TopicPermissions, plural
from raia_gateway.live.websocket import PATH, LiveSocket
from raia_kit.errors import InvalidArgument, NotFound
from raia_kit.events.envelope import Event
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.session import DirectSession
from raia_kit.ids import new_id
from sqlalchemy import create_engine
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .conftest import ORG, USER, Gateway, start_gateway
from .test_uploads import wait_until

if TYPE_CHECKING:
    from raia_testing.postgres import ServiceDatabase

TOPIC = "raia.sample.widget"


class Rig:
    """A gateway whose WebSockets follow a real log, and whoever writes there."""

    def __init__(self, database: "ServiceDatabase", **limits: Any) -> None:
        self.stack = ExitStack()
        self.url = database.url
        gateway_url = database.url_of("raia_gateway")
        engine = create_engine("postgresql+psycopg://" + gateway_url.split("://", 1)[1], pool_size=3, max_overflow=0)
        self.stack.callback(engine.dispose)
        session = DirectSession(gateway_url, service="gateway")
        session.start()
        self.stack.callback(session.stop)
        self.log = PostgresEventLog(engine, session)
        self.limits = LiveLimits(**{"heartbeat": 0.5, **limits})
        self.ring = limits.pop("ring", 50)
        self.hub: Hub | None = None
        self.number = 0

    def start(self, ring: int = 50) -> Gateway:
        def configure(parts: Parts) -> None:
            self.hub = Hub(self.log, ring)
            topics = TopicPermissions(parts.contracts)
            live = LiveSocket(self.hub, parts.admission, topics, self.limits, parts.faults)
            parts.live, parts.pages = live, {PATH: live.plain}
            parts.startup = [self.hub.start]
            parts.shutdown = [self.hub.stop, *parts.shutdown]

        gateway = start_gateway(configure)
        self.stack.callback(gateway.stop)
        return gateway

    def publish(
        self, count: int = 1, *, org: UUID = ORG, topic: str = TOPIC, project: str = "", size: int = 0, key: str = ""
    ) -> None:
        events = []
        for _ in range(count):
            self.number += 1
            message = dataset_events_pb2.DatasetUploaded(
                dataset_id=f"d{self.number}", version=self.number, project_id=project, name="x" * size
            )
            events.append(
                Event(
                    id=new_id(), topic=topic, key=key or f"d{self.number}", type=message.DESCRIPTOR.full_name,
                    payload=message.SerializeToString(), headers={"orgid": str(org), "time": "2026-01-01T00:00:00Z"},
                )
            )  # fmt: skip
        with psycopg.connect(self.url) as connection:
            connection.execute('set role "raia_sample_platform"')
            self.log.publish(events, connection)
            self.log.announce(connection)


@pytest.fixture
def rig(service_database: "Callable[..., ServiceDatabase]") -> Iterator[Rig]:
    made = Rig(service_database("sample"))
    try:
        yield made
    finally:
        made.stack.close()


def open_socket(gateway: Gateway, token: str = "user", **options: Any) -> ClientConnection:
    url = gateway.url.replace("http", "ws", 1) + options.pop("path", "/ws/real-time")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    socket: ClientConnection = connect(url, additional_headers=headers, open_timeout=10, **options)
    return socket


def receive(socket: ClientConnection, op: str = "", timeout: float = 10.0) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        assert not op or message["op"] not in ("error", "closing") or op == message["op"], message
        if message["op"] == op or (not op and message["op"] != "heartbeat"):
            return message


def subscribe(socket: ClientConnection, *topics: str, cursor: str = "") -> dict[str, Any]:
    request = {"op": "subscribe", "topics": list(topics or [TOPIC]), **({"cursor": cursor} if cursor else {})}
    socket.send(json.dumps(request))
    return receive(socket)


def numbers(socket: ClientConnection, count: int) -> list[int]:
    return [receive(socket, "event")["event"]["data"]["version"] for _ in range(count)]


def test_events_arrive_with_their_cursor(rig: Rig) -> None:
    gateway = rig.start()
    rig.publish(3)
    wait_until(lambda: rig.hub and len(rig.hub.ring.heads))
    with open_socket(gateway) as socket:
        assert subscribe(socket)["op"] == "subscribed"
        rig.publish()
        message = receive(socket, "event")
        assert message["event"]["type"] == "raia.ingest.events.v1.DatasetUploaded"
        assert message["event"]["data"]["dataset_id"] == "d4"
        assert (message["event"]["topic"], message["event"]["key"]) == (TOPIC, "d4")
        beat = receive(socket, "heartbeat")
        assert beat["cursor"] == message["cursor"]
        socket.send('{"op": "ping", "id": "7"}')
        assert receive(socket, "pong") == {"op": "pong", "id": "7"}
        socket.send(json.dumps({"op": "unsubscribe", "topics": [TOPIC]}))
        assert receive(socket, "unsubscribed")["topics"] == [TOPIC]
        rig.publish()
        with pytest.raises(TimeoutError):
            receive(socket, "event", timeout=1)


@pytest.mark.parametrize("ring", [100_000, 20])
def test_fifty_drops_lose_nothing_from_memory_or_from_the_log(rig: Rig, ring: int) -> None:
    gateway = rig.start(ring)
    with open_socket(gateway) as socket:
        cursor = subscribe(socket)["cursor"]
    total, done, chance = 600, threading.Event(), random.Random(5)

    def write() -> None:
        while rig.number < total:
            rig.publish(min(chance.randint(1, 8), total - rig.number))
            threading.Event().wait(chance.uniform(0, 0.02))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    got: list[int] = []
    for drop in range(400):
        with open_socket(gateway) as socket:
            assert subscribe(socket, cursor=cursor)["op"] == "subscribed"
            until = time.monotonic() + chance.uniform(0.005, 0.08)
            try:
                while time.monotonic() < until:
                    message = receive(socket, "event", timeout=0.05)
                    got.append(message["event"]["data"]["version"])
                    cursor = message["cursor"]
            except TimeoutError:
                pass
        if len(got) >= total and drop >= 50:
            break
    writer.join()
    assert done.is_set()
    assert got == list(range(1, total + 1))


def test_going_live_after_a_replay_has_no_seam(rig: Rig) -> None:
    gateway = rig.start(ring=10)
    with open_socket(gateway) as socket:
        cursor = subscribe(socket)["cursor"]
    rig.publish(300)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            rig.publish(3)

    writer = threading.Thread(target=write)
    with open_socket(gateway) as socket:
        writer.start()
        subscribe(socket, cursor=cursor)
        assert numbers(socket, 900) == list(range(1, 901))
    stop.set()
    writer.join()


def test_other_tenants_and_what_the_caller_may_not_see_stay_hidden(rig: Rig) -> None:
    gateway = rig.start()
    secret = str(new_id())
    gateway.permissions.withheld.add(secret)
    with open_socket(gateway) as socket, open_socket(gateway, "user:1") as other:
        cursor = subscribe(socket)["cursor"]
        subscribe(other)
        rig.publish(org=UUID(int=ORG.int + 1))
        rig.publish(project=secret)
        rig.publish(project=str(new_id()))
        assert numbers(socket, 1) == [3]
        assert numbers(other, 1) == [1]
    with open_socket(gateway) as again:
        subscribe(again, cursor=cursor)
        assert numbers(again, 1) == [3]


def test_topics_need_their_permission(rig: Rig) -> None:
    gateway = rig.start()
    gateway.permissions.withheld.add("widgets.read")
    with open_socket(gateway) as socket:
        for topic, reason in [
            (TOPIC, "PERMISSION_MISSING"),
            ("raia.sample.nothing", "TOPIC_NOT_FOUND"),
            ("raia.other.widget", "TOPIC_NOT_FOUND"),
            ("raia.*", "TOPIC_NOT_FOUND"),
        ]:
            answer = subscribe(socket, topic)
            assert answer["op"] == "error"
            assert answer["error"]["details"][0]["reason"] == reason
        gateway.permissions.withheld.clear()
        gateway.permissions.seconds = 60.0
        assert subscribe(socket)["error"]["code"] == 14
        gateway.permissions.seconds = 0.0
        assert subscribe(socket)["op"] == "subscribed"


def test_topics_about_users_show_each_their_own(rig: Rig) -> None:
    gateway = rig.start()
    gateway.permissions.withheld.add("widgets.read")
    with open_socket(gateway) as socket:
        assert subscribe(socket, "raia.sample.notification")["op"] == "subscribed"
        rig.publish(topic="raia.sample.notification", key=str(new_id()))
        rig.publish(topic="raia.sample.notification", key=str(USER))
        assert numbers(socket, 1) == [2]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"op": "fly"}', '{"op": "subscribe"}', '{"op": "subscribe", "topics": "x"}',
     '{"op": "subscribe", "topics": [5]}', '{"op": ["ping"]}', '{"op": {}}', '{"op": "ping", "x": 1}',
     '{"op": "ping", "id": 5}',
     '{"op": "subscribe", "topics": ["raia.sample.widget"], "cursor": "nonsense"}',
     '{"op": "renew", "token": "nonsense"}', '{"op": "renew", "token": "user:1"}'],
)  # fmt: skip
def test_messages_that_make_no_sense_are_answered_and_harm_nothing(rig: Rig, text: str) -> None:
    gateway = rig.start()
    with open_socket(gateway) as socket:
        socket.send(text)
        assert receive(socket)["op"] == "error"
        assert subscribe(socket)["op"] == "subscribed"


def test_a_cursor_from_nowhere_is_refused(rig: Rig) -> None:
    from raia_kit.events import cursor
    from raia_kit.events.envelope import TopicPartition

    gateway = rig.start()
    rig.publish(5)
    with psycopg.connect(rig.url.replace("raia_sample:", "raia_sample:")) as connection:
        connection.execute("select 1")
    with open_socket(gateway) as socket:
        ahead = subscribe(socket, cursor=cursor.encode({TopicPartition(TOPIC): 900}))
        assert ahead["op"] == "error"


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/ws/real-time", "", 401), ("/ws/real-time", "nonsense", 401), ("/ws/unknown", "user", 404), ("/ws/x", "", 404)],
)
def test_handshakes_are_refused_by_status(rig: Rig, path: str, token: str, status: int) -> None:
    gateway = rig.start()
    with pytest.raises(InvalidStatus) as caught, open_socket(gateway, token, path=path):
        pass
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body or b"")["code"] in (16, 5)
    if status == 401:
        assert caught.value.response.headers["www-authenticate"]


def test_plain_requests_are_told_to_upgrade_once_they_have_a_token(rig: Rig) -> None:
    gateway = rig.start()
    asked = {"connection": "close", "upgrade": "websocket", "sec-websocket-version": "13"}
    with gateway.client(None) as client:
        assert client.get("/ws/real-time", headers=asked).status_code == 401
        assert client.get("/ws/unknown", headers=asked).status_code == 404
    with gateway.client() as client:
        answer = client.get("/ws/real-time", headers=asked)
        assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")


def test_browsers_send_the_token_as_a_subprotocol(rig: Rig) -> None:
    gateway = rig.start()
    with open_socket(gateway, "", subprotocols=["raia.v1", "bearer.user"]) as socket:
        assert socket.subprotocol == "raia.v1"
        assert subscribe(socket)["op"] == "subscribed"


def closing(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Everything until the close, and its code."""
    messages = []
    try:
        while True:
            messages.append(json.loads(socket.recv(timeout=15)))
    except ConnectionClosed as error:
        assert error.rcvd is not None
        return messages, error.rcvd.code


def test_the_end_of_the_token_ends_the_connection_unless_it_is_renewed(rig: Rig) -> None:
    gateway = rig.start()
    with open_socket(gateway, "short:1.5") as socket:
        subscribe(socket)
        messages, code = closing(socket)
        assert code == 4401
        assert messages[-1]["op"] == "closing"
        assert messages[-1]["reason"] == "TOKEN_EXPIRED"
        assert messages[-1]["cursor"]
    with open_socket(gateway, "short:1.5") as socket:
        subscribe(socket)
        socket.send('{"op": "renew", "token": "user"}')
        assert receive(socket, "renewed")["expires_at"] > time.time() + 60
        threading.Event().wait(2)
        socket.send('{"op": "ping"}')
        assert receive(socket, "pong")


def test_a_revoked_session_is_shown_nothing_and_closed(rig: Rig) -> None:
    gateway = rig.start()
    with open_socket(gateway, "user:0") as socket:
        subscribe(socket)
        gateway.permissions.ended.add("user:0")
        rig.publish()
        messages, code = closing(socket)
        assert code == 4401
        assert not [message for message in messages if message["op"] == "event"]


class Sleeper:
    """A WebSocket client that reads only when told: client libraries read ahead by themselves."""

    def __init__(self, gateway: Gateway) -> None:
        address = urlparse(gateway.url)
        self.connection = tcp.socket()
        self.connection.setsockopt(tcp.SOL_SOCKET, tcp.SO_RCVBUF, 16 * 1024)
        self.connection.connect((address.hostname, address.port))
        self.connection.sendall(
            b"GET /ws/real-time HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"authorization: Bearer user\r\n\r\n"
        )
        self.stream = self.connection.makefile("rb")
        while self.stream.readline().strip():
            pass

    def send(self, text: str) -> None:
        data = text.encode()
        assert len(data) < 126
        self.connection.sendall(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        while head := self.stream.read(2):
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.stream.read(2 if size == 126 else 8), "big")
            yield head[0] & 15, self.stream.read(size)
            if head[0] & 15 == 8:
                return

    def close(self) -> None:
        self.stream.close()
        self.connection.close()


def test_a_slow_client_is_told_its_cursor_and_can_go_on(service_database: Any) -> None:
    rig = Rig(service_database("sample"), queue=50, queue_bytes=512 * 1024, heartbeat=60.0)
    try:
        gateway = rig.start(ring=10_000)
        sleeper = Sleeper(gateway)
        sleeper.send(json.dumps({"op": "subscribe", "topics": [TOPIC]}))
        wait_until(lambda: rig.hub and rig.hub.listeners == 1)
        # The kernel's own buffers take megabytes before anything waits in the gateway.
        while rig.number < 400:
            rig.publish(20, size=50_000)
        wait_until(lambda: rig.hub and sum(rig.hub.ring.heads.values()) == rig.number, 30)
        frames = list(sleeper.frames())
        sleeper.close()
        messages = [json.loads(data) for kind, data in frames if kind == 1]
        events = [message for message in messages if message["op"] == "event"]
        assert frames[-1][0] == 8
        assert int.from_bytes(frames[-1][1][:2], "big") == 4408
        assert messages[-1]["reason"] == "SLOW_CONSUMER"
        assert messages[-1]["cursor"] == events[-1]["cursor"]
        seen = [message["event"]["data"]["version"] for message in events]
        assert len(seen) < rig.number
        with open_socket(gateway) as socket:
            subscribe(socket, cursor=messages[-1]["cursor"])
            rest = numbers(socket, rig.number - len(seen))
        assert seen + rest == list(range(1, rig.number + 1))
    finally:
        rig.stack.close()


def test_a_burst_makes_no_reading_client_slow(service_database: Any) -> None:
    rig = Rig(service_database("sample"), queue=60, queue_bytes=512 * 1024)
    try:
        gateway = rig.start(ring=10_000)
        with open_socket(gateway) as socket:
            subscribe(socket)
            rig.publish(2000, size=1000)
            assert numbers(socket, 2000) == list(range(1, 2001))
    finally:
        rig.stack.close()


def test_connections_are_limited_per_user_and_in_all(service_database: Any) -> None:
    rig = Rig(service_database("sample"), connections=3, connections_per_user=2)
    try:
        gateway = rig.start()
        with open_socket(gateway), open_socket(gateway):
            with pytest.raises(InvalidStatus) as caught, open_socket(gateway):
                pass
            assert caught.value.response.status_code == 429
        with open_socket(gateway):
            pass
    finally:
        rig.stack.close()


def test_stopping_the_gateway_closes_connections(rig: Rig) -> None:
    gateway = rig.start()
    with open_socket(gateway) as socket:
        subscribe(socket)
        gateway.server.should_exit = True
        assert closing(socket)[1] == 1012


def test_topics_map_to_permissions() -> None:
    from raia_kit.contract import methods_of

    from .protofiles import widgets

    topics = TopicPermissions(methods_of([widgets().DESCRIPTOR.services_by_name["WidgetService"]]))
    assert topics.permission(TOPIC) == "widgets.read"
    for unknown in ("raia.sample.audit_entry", "raia.sample.gadget", "custom.x", ""):
        with pytest.raises(NotFound):
            topics.permission(unknown)
    with pytest.raises(InvalidArgument):
        topics.permission(7)
    assert [plural(noun) for noun in ("dataset", "policy", "key", "process", "batch")] == [
        "datasets", "policies", "keys", "processes", "batches",
    ]  # fmt: skip


def test_topics_whose_permission_has_another_name() -> None:
    from raia.ml.v1 import training_service_pb2
    from raia_kit.contract import methods_of

    topics = TopicPermissions(methods_of([training_service_pb2.DESCRIPTOR.services_by_name["TrainingService"]]))
    assert topics.permission("raia.ml.training_run") == "models.read"
