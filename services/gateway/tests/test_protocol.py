"""What comes before a body is bounded in size and time, and refused in the form of all errors."""

import json
import socket
import time
from urllib.parse import urlparse

import pytest
from raia_gateway import protocol

from .conftest import Gateway
from .test_unary import raw

pytestmark = pytest.mark.fast
GOOD = b"GET /api/v1/widgets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer user\r\n\r\n"


def parsed(answer: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 30_000 + b"\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        ("GET /api/v1/wídgets HTTP/1.1\r\nhost: x\r\n\r\n".encode(), 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400),
    ],
)
def test_heads_that_cannot_be_are_refused(gateway: Gateway, request_bytes: bytes, status: int) -> None:
    found, document = parsed(raw(gateway, request_bytes))
    assert found == status
    assert document["code"] == 3


def test_many_requests_on_one_connection_count_each_by_itself(gateway: Gateway) -> None:
    address = urlparse(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        stream = connection.makefile("rb")
        for _ in range(40):
            connection.sendall(GOOD.replace(b"\r\n\r\n", b"\r\nx-fill: " + b"a" * 4000 + b"\r\n\r\n"))
            assert b" 200 " in stream.readline()
            size = 0
            while line := stream.readline().strip():
                if line.startswith(b"content-length"):
                    size = int(line.split(b":")[1])
            stream.read(size)
        connection.sendall(GOOD * 3)
        assert stream.readline().startswith(b"HTTP/1.1 200")
        stream.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_clients_that_never_finish_asking_are_let_go(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.3)
    address = urlparse(gateway.url)
    began = time.monotonic()
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(100) == b""
    assert 0.2 < time.monotonic() - began < 5


def test_a_slow_body_is_not_a_slow_head(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.3)
    address = urlparse(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/v1/widgets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer user\r\n"
            b"content-type: application/json\r\ncontent-length: 12\r\n\r\n"
        )
        for piece in (b'{"nam', b'e":', b'"x"}'):
            time.sleep(0.2)
            connection.sendall(piece)
        assert b" 201 " in connection.recv(1000)
