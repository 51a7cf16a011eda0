"""Downloads with ranges, and server streams as events and lines."""

import json

import httpx
import pytest
from raia_gateway.downloads import Span, requested_span
from raia_kit.errors import OutOfRange

from .conftest import Gateway
from .sample_server import BIG
from .test_unary import reason

pytestmark = pytest.mark.fast
URL = "/api/v1/widgets/big/content"


def test_a_download_streams_with_its_facts(client: httpx.Client) -> None:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert answer.content == BIG
    assert answer.headers["content-type"] == "application/x-big"
    assert answer.headers["content-length"] == str(len(BIG))
    assert answer.headers["content-disposition"] == 'attachment; filename="big.bin"'
    assert (answer.headers["etag"], answer.headers["accept-ranges"]) == ('"v1"', "bytes")
    assert client.get(URL, headers={"if-none-match": '"v1"'}).status_code == 304
    head = client.head(URL)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(BIG)), b"")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", BIG[:1]),
        ("bytes=99999-100000", BIG[99999:100001]),
        ("bytes=250000-", BIG[250000:]),
        ("bytes=-5", BIG[-5:]),
        ("bytes=1000000-99999999", BIG[1000000:]),
    ],
)
def test_ranges_are_cut_out(client: httpx.Client, header: str, expected: bytes) -> None:
    answer = client.get(URL, headers={"range": header})
    assert (answer.status_code, answer.content) == (206, expected)
    start = BIG.index(expected) if len(expected) > 300 else None
    if start is not None:
        assert answer.headers["content-range"].endswith(f"/{len(BIG)}")


def test_ranges_that_cannot_be_or_need_not_be(client: httpx.Client) -> None:
    outside = client.get(URL, headers={"range": "bytes=2000000-"})
    assert (outside.status_code, reason(outside)) == (416, "RANGE_INVALID")
    for header in ("bytes=0-1,5-6", "lines=0-1", "bytes=-", "bytes=5-2"):
        assert client.get(URL, headers={"range": header}).status_code == 200
    assert client.get(URL, headers={"range": "bytes=0-1", "if-range": '"v0"'}).status_code == 200
    assert client.get(URL, headers={"range": "bytes=0-1", "if-range": '"v1"'}).status_code == 206
    assert client.get("/api/v1/widgets/unsized/content", headers={"range": "bytes=0-1"}).status_code == 200
    served = client.get("/api/v1/widgets/ranged/content", headers={"range": "bytes=0-3"})
    assert (served.status_code, served.content, served.headers["content-range"]) == (206, b"four", "bytes 0-3/10")


def test_downloads_that_fail_say_so_or_break_off(client: httpx.Client) -> None:
    absent = client.get("/api/v1/widgets/absent/content")
    assert (absent.status_code, reason(absent)) == (404, "RESOURCE_NOT_FOUND")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/v1/widgets/broken/content")


def test_a_client_that_goes_ends_the_download(gateway: Gateway, client: httpx.Client) -> None:
    gateway.sample.cancelled.clear()
    with gateway.client() as other, other.stream("GET", "/api/v1/widgets/w/watch") as answer:
        next(answer.iter_lines())
    assert gateway.sample.cancelled.wait(5)


@pytest.mark.parametrize(
    ("header", "total", "span"),
    [
        ("bytes=0-", 10, Span(0, 10, 10)),
        ("bytes=3-5", 10, Span(3, 6, 10)),
        ("bytes = 3 - 5", 10, Span(3, 6, 10)),
        ("bytes=-20", 10, Span(0, 10, 10)),
        ("bytes=x-5", 10, None),
    ],
)
def test_spans(header: str, total: int, span: Span | None) -> None:
    assert requested_span(header, total) == span


def test_an_empty_file_has_no_ranges() -> None:
    for header in ("bytes=0-", "bytes=-0", "bytes=-5"):
        with pytest.raises(OutOfRange):
            requested_span(header, 0)


def test_lines_are_the_default(client: httpx.Client) -> None:
    for accept in ("", "*/*", "application/x-ndjson", "application/json;q=0.5"):
        answer = client.get("/api/v1/widgets/w/watch?count=3", headers={"accept": accept})
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line)["name"] for line in answer.text.splitlines()] == ["1", "2", "3"]


def test_events_are_sent_to_who_asks_for_them(client: httpx.Client) -> None:
    headers = {"accept": "text/event-stream", "last-event-id": "c"}
    answer = client.get("/api/v1/widgets/w/watch?count=2", headers=headers)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [json.loads(block.removeprefix("data: ")) for block in answer.text.strip().split("\n\n")]
    assert [event["name"] for event in events] == ["c1", "c2"]
    assert client.get("/api/v1/widgets/w/watch?count=1", headers={"accept": "image/png"}).status_code == 406
    clash = client.get("/api/v1/widgets/w/watch?count=1&cursor=d", headers=headers)
    assert clash.status_code == 400


def test_streams_that_fail_say_so_in_their_own_way(client: httpx.Client) -> None:
    absent = client.get("/api/v1/widgets/absent/watch")
    assert (absent.status_code, reason(absent)) == (404, "RESOURCE_NOT_FOUND")
    lines = client.get("/api/v1/widgets/failing/watch").text.splitlines()
    assert json.loads(lines[0])["name"] == "1"
    assert json.loads(lines[1])["error"]["code"] == 14
    events = client.get("/api/v1/widgets/failing/watch", headers={"accept": "text/event-stream"}).text.strip()
    assert events.split("\n\n")[1].startswith("event: error\ndata: {")
