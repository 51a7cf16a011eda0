"""Cursors and envelopes: what is written is read, and nothing else is."""

import base64
from uuid import uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_kit.context import Actor
from raia_kit.errors import InvalidArgument
from raia_kit.events.cursor import decode, encode
from raia_kit.events.envelope import Event, TopicPartition, UnknownEventType, from_headers, parse_actor, to_headers

pytestmark = pytest.mark.fast

TOPICS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True)
POSITIONS = st.dictionaries(
    st.builds(TopicPartition, TOPICS, st.integers(0, 999)), st.integers(0, 2**63 - 1), max_size=20
)
HEADERS = st.dictionaries(
    st.sampled_from(["orgid", "actor", "correlationid", "traceparent", "time", "source"]), st.text(min_size=1)
)


def cursor_of(document: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()


@given(POSITIONS)
def test_a_cursor_is_read_as_it_was_written(positions: dict[TopicPartition, int]) -> None:
    assert decode(encode(positions)) == positions
    assert encode(dict(reversed(positions.items()))) == encode(positions)


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        decode(text)
    except InvalidArgument as error:
        assert error.reason == "CURSOR_INVALID"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"v": 2, "t": {}},
        {"v": 1, "t": []},
        {"v": 1, "t": {}, "x": 1},
        {"v": 1, "t": {"a b": {"0": 1}}},
        {"v": 1, "t": {"a": {"00": 1}}},
        {"v": 1, "t": {"a": {"-1": 1}}},
        {"v": 1, "t": {"a": {"0": -1}}},
        {"v": 1, "t": {"a": {"0": True}}},
        {"v": 1, "t": {"a": {"0": 1.5}}},
        {"v": 1, "t": {"a": {"0": "1"}}},
        {"v": 1, "t": {"a": 1}},
    ],
)
def test_a_made_up_cursor_is_refused(document: object) -> None:
    with pytest.raises(InvalidArgument):
        decode(cursor_of(document))


def test_a_huge_cursor_is_refused_unread() -> None:
    with pytest.raises(InvalidArgument):
        decode("a" * 1_000_000)


@given(HEADERS, st.text(), st.binary())
def test_an_envelope_is_read_as_it_was_written(headers: dict[str, str], key: str, payload: bytes) -> None:
    event = Event(uuid4(), "raia.sample.thing", key, "raia.x.Y", payload, headers, partition=3, position=9)
    written = to_headers(event)
    assert dict(written)["ce_specversion"] == b"1.0"
    read = from_headers(written, topic=event.topic, partition=3, position=9, key=key.encode(), payload=payload)
    assert read == event


def test_a_foreign_message_is_no_event() -> None:
    with pytest.raises(UnknownEventType):
        from_headers([("ce_id", b"7")], topic="t", partition=0, position=1, key=None, payload=None)


@pytest.mark.parametrize("actor", [Actor(), Actor(uuid4()), Actor(service="ml"), Actor(uuid4(), "ml")])
def test_an_actor_is_read_as_it_was_written(actor: Actor) -> None:
    assert parse_actor(str(actor)) == actor


@pytest.mark.parametrize("text", ["", "user:nonsense", "x", "/:/", "user:"])
def test_nonsense_is_nobody(text: str) -> None:
    assert parse_actor(text) == Actor()


def test_a_payload_of_another_type_is_refused() -> None:
    event = Event(uuid4(), "t", "k", "raia.ingest.events.v1.DatasetUploaded", b"\xff\xff")
    with pytest.raises(UnknownEventType):
        event.decode()
