"""Forms and raw bodies as request streams: order, limits, memory, breaks."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_gateway import uploads
from raia_gateway.application import Limits
from raia_gateway.errors import MalformedRequest
from raia_gateway.forms import FormReader, base_name, boundary_of

from .conftest import Gateway, start_gateway
from .test_unary import reason

pytestmark = pytest.mark.fast
URL = "/api/v1/widgets/upload"
CONTENT = os.urandom(3_000_000)


def test_a_form_becomes_a_stream(gateway: Gateway, client: httpx.Client) -> None:
    answer = client.post(
        URL,
        data={"name": "größe", "tags": ["a", "b"], "part": '{"part_name": "p", "count": 2}', "sha256": "abc"},
        files={"file": ("../../etc/clamp.bin", CONTENT, "application/x-clamp")},
    )
    assert answer.status_code == 201, answer.text
    widget = answer.json()
    assert widget["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (widget["name"], widget["tags"], widget["status"]) == ("größe", ["a", "b"], "application/x-clamp")
    assert widget["parts"] == [{"part_name": "p", "count": 2}]
    assert answer.headers["location"].startswith("/api/v1/widgets/")
    record = gateway.sample.uploads[-1]
    assert record["largest"] <= 1024 * 1024
    assert record["sha256"] == "abc"
    assert record["metadata"].filename == "clamp.bin"


def form(*parts: tuple[str, str, bytes], boundary: str = "edge", end: bool = True) -> bytes:
    pieces = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + content + b"\r\n"
        for name, extra, content in parts
    ]
    return b"".join(pieces) + (f"--{boundary}--\r\n".encode() if end else b"")


FORM = {"content-type": "multipart/form-data; boundary=edge"}
FILE = ("file", '; filename="x.csv"', b"a,b\n1,2\n")


def test_fields_may_follow_the_file(gateway: Gateway, client: httpx.Client) -> None:
    answer = client.post(URL, content=form(FILE, ("name", "", b"late")), headers=FORM)
    assert answer.json()["name"] == "late"
    assert gateway.sample.uploads[-1]["parts"] == ["metadata", "chunk", "finish"]


def test_metadata_goes_first_once_every_declared_field_is_there(gateway: Gateway, client: httpx.Client) -> None:
    first = [("name", "", b"refused"), ("tags", "", b"t"), ("part", "", b"{}"), ("shelf", "", b"s")]
    big = ("file", '; filename="x.csv"', CONTENT)
    answer = client.post(URL, content=form(*first, big), headers=FORM)
    assert (answer.status_code, reason(answer)) == (403, "PERMISSION_MISSING")
    assert not gateway.sample.uploads[-1]["finished"]
    again = client.post(URL, content=form(*first[1:], ("name", "", b"a"), FILE, ("name", "", b"b")), headers=FORM)
    assert again.status_code == 400


def test_a_raw_body_takes_its_fields_from_the_query_and_headers(client: httpx.Client) -> None:
    answer = client.post(
        f"{URL}?name=raw&tags=x&tags=y&part.count=3",
        content=CONTENT,
        headers={b"content-type": b"text/csv", b"content-disposition": 'attachment; filename="a/ü.csv"'.encode()},
    )
    widget = answer.json()
    assert answer.status_code == 201
    assert widget["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (widget["tags"], widget["parts"][0]["count"], widget["status"]) == (["x", "y"], 3, "text/csv")


def test_the_path_fills_metadata(client: httpx.Client) -> None:
    answer = client.post("/api/v1/shelves/top/upload", files={"file": ("a.csv", b"x")})
    assert answer.json()["shelf"] == "top"
    clash = client.post("/api/v1/shelves/top/upload", data={"shelf": "low"}, files={"file": ("a.csv", b"x")})
    assert clash.status_code == 400


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (form(FILE, end=False), "MALFORMED_BODY"),
        (form(FILE)[:-20], "MALFORMED_BODY"),
        (b"not a form", "MALFORMED_BODY"),
        (b"", "MALFORMED_BODY"),
        (form(("name", "", b"x")), "FILE_MISSING"),
        (form(FILE, FILE), "MALFORMED_BODY"),
        (form(("other", '; filename="x"', b"x")), "MALFORMED_BODY"),
        (form(("name", "", b"\xff"), FILE), "MALFORMED_BODY"),
        (form(("name", "", b"a"), ("name", "", b"b"), FILE), "INVALID_FIELD"),
        (form(("unknown", "", b"a"), FILE), "INVALID_FIELD"),
        (form(("part", "", b"{"), FILE), "INVALID_FIELD"),
        (form(("part", "", b"{}"), ("part", "", b"{}"), FILE), "INVALID_FIELD"),
        (form(("part.count", "", b"x"), FILE), "INVALID_FIELD"),
        (form(("name", "", b"x" * 1_100_000), FILE), "MALFORMED_BODY"),
        (form(*[("tags", "", b"t")] * 1001, FILE), "MALFORMED_BODY"),
    ],
)
def test_broken_forms_are_refused_and_store_nothing(
    gateway: Gateway, client: httpx.Client, body: bytes, why: str
) -> None:
    answer = client.post(URL, content=body, headers=FORM)
    assert answer.status_code == 400, answer.text
    assert reason(answer) == why
    assert not any(record["finished"] for record in gateway.sample.uploads[-1:] if record.get("ended") is None)
    assert client.post(URL, files={"file": ("a", b"x")}).status_code == 201


def test_other_content_types_and_encodings_are_refused(client: httpx.Client) -> None:
    for headers in (
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/csv", "content-encoding": "gzip"},
    ):
        answer = client.post(URL, content=b"a=b", headers=headers)
        assert (answer.status_code, reason(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    answer = client.post(URL, content=b"a=b", headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400


def test_the_token_is_asked_for_before_the_body_is_read(gateway: Gateway) -> None:
    address = urlparse(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            f"POST {URL} HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: 100000000\r\n"
            "expect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_refused_upload_still_gets_its_answer_while_it_sends(gateway: Gateway) -> None:
    with gateway.client(token=None) as client:
        answer = client.post(URL, content=CONTENT, headers={"content-type": "text/csv"})
        assert answer.status_code == 401


def test_a_service_that_refuses_midway_is_heard(client: httpx.Client) -> None:
    body = b"refuse" + b"x" * 6_000_000
    answer = client.post(URL, content=body, headers={"content-type": "text/csv"})
    assert (answer.status_code, reason(answer)) == (400, "FILE_UNREADABLE")


def test_sizes_are_limited_whether_stated_or_not(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000_000

    for content in (b"x" * 8_400_000, endless()):
        answer = client.post(URL, content=content, headers={"content-type": "text/csv"})
        assert (answer.status_code, reason(answer)) == (413, "PAYLOAD_TOO_LARGE")


def test_a_broken_connection_cancels_the_upload(gateway: Gateway) -> None:
    before = len(gateway.sample.uploads)
    address = urlparse(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            f"POST {URL} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer user\r\ncontent-type: text/csv\r\n"
            "content-length: 8000000\r\n\r\n".encode()
            + b"x" * 1_500_000
        )
        wait_until(lambda: len(gateway.sample.uploads) > before and gateway.sample.uploads[-1]["size"] > 0)
    wait_until(lambda: gateway.sample.uploads[-1].get("ended"))
    assert not gateway.sample.uploads[-1]["finished"]


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_one_caller_cannot_take_every_stream(
    gateway: Gateway, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 2)
    address = urlparse(gateway.url)
    head = f"POST {URL}?name=slow HTTP/1.1\r\nhost: x\r\nauthorization: {client.headers['authorization']}\r\n"
    open_uploads = [socket.create_connection((address.hostname, address.port)) for _ in range(2)]
    try:
        for each in open_uploads:
            each.sendall((head + "content-length: 1000\r\n\r\nabc").encode())
        wait_until(lambda: client.post(URL, params={"name": "third"}, content=b"abc").status_code == 429)
        refused = client.post(URL, params={"name": "third"}, content=b"abc")
        assert (refused.status_code, reason(refused)) == (429, "TOO_MANY_STREAMS")
        assert refused.headers["retry-after"] == "5"
    finally:
        for each in open_uploads:
            each.close()
    wait_until(lambda: client.post(URL, params={"name": "third"}, content=b"abc").status_code == 201)


def test_memory_stays_flat_while_the_service_is_slow() -> None:
    """200 MB go through while the service reads at 10 MB/s: what waits stays in the client."""

    gateway = start_gateway(limits=Limits(upload=10**9))
    process, peak = psutil.Process(), [0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    def body() -> Iterator[bytes]:
        piece = (b"slow" + b"x" * (64 * 1024 - 4)) * 8
        for _ in range(200):
            yield piece

    try:
        start = process.memory_info().rss
        watcher = threading.Thread(target=watch)
        watcher.start()
        with gateway.client() as client:
            answer = client.post(URL, content=body(), headers={"content-type": "text/csv"}, timeout=120)
        stop.set()
        watcher.join()
        assert answer.status_code == 201, answer.text
        assert peak[0] - start < 64 * 1024 * 1024, f"{(peak[0] - start) / 1e6:.0f} MB more"
    finally:
        stop.set()
        gateway.stop()


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=3000)
    | st.lists(st.sampled_from([b"\r", b"\n", b"--edge", b"-", b"x"]), max_size=200).map(b"".join),
    st.lists(st.integers(1, 300), min_size=1, max_size=30),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
)
def test_files_come_through_unchanged_however_they_are_cut(content: bytes, cuts: list[int], text: str) -> None:
    if b"\r\n--edge" in b"\r\n" + content:
        return
    body = form(("name", "", text.encode()), ("file", '; filename="x"', content), ("late", "", b"1"))
    got = bytearray()
    reader = FormReader(b"edge", "file", got.extend)
    position = index = 0
    while position < len(body):
        size = cuts[index % len(cuts)]
        reader.feed(body[position : position + size])
        position, index = position + size, index + 1
    reader.finish()
    assert bytes(got) == content
    assert [field.text for field in reader.fields] == [text, "1"]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_form_reader(data: bytes) -> None:
    reader = FormReader(b"e", "file", lambda _: None)
    try:
        reader.feed(b"--e\r\n" + data)
        reader.finish()
    except MalformedRequest:
        pass


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [("../../x", "x"), ("C:\\dir\\x.csv", "x.csv"), ("a\0b\n.csv", "ab.csv"), ("ü" * 600, "ü" * 500), ("/", "")],
)
def test_file_names_lose_their_folders(given_name: str, kept: str) -> None:
    assert base_name(given_name) == kept


def test_a_boundary_is_needed() -> None:
    with pytest.raises(MalformedRequest):
        boundary_of("multipart/form-data")
