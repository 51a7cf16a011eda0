"""Records of streams: whatever comes is stored as it is, or rejected with a reason."""

import datetime

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_ingest.workers.stream_fields import Unfit, check_of
from raia_ingest.workers.stream_records import Intake, take_messages

pytestmark = pytest.mark.fast
SCHEMA = {
    "fields": [
        {"name": "n", "type": "integer"},
        {"name": "f", "type": "float", "minimum": -10.0, "maximum": 10.0},
        {"name": "s", "type": "string", "max_length": 3},
        {"name": "b", "type": "boolean"},
        {"name": "d", "type": "date"},
        {"name": "t", "type": "datetime"},
        {"name": "j", "type": "json"},
    ],
    "unknown_fields": "keep",
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.dictionaries(st.sampled_from("nfsbdtjx") | st.text(), VALUES)


def rows(content: bytes) -> list[dict[str, object]]:
    if not content:
        return []
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all().to_pylist()


@settings(deadline=None)
@given(st.lists(RECORDS | st.binary() | st.none(), max_size=20))
def test_every_record_is_stored_or_rejected(records):
    values = [_bytes(each) for each in records]
    found = take_messages(
        SCHEMA,
        [0] * len(values),
        list(range(len(values))),
        [-1 if value is None else len(value) for value in values],
        b"".join(value or b"" for value in values),
    )
    assert found["stored"] + len(found["rejections"]) == len(values)
    assert len(rows(found["content"])) == found["stored"]
    assert all(each["reason"] and "\x00" not in each["record"] + each["field"] for each in found["rejections"])


def _bytes(record):
    if isinstance(record, dict):
        try:
            return orjson.dumps(record)
        except TypeError:  # a whole number beyond 64 bits, or half a surrogate pair
            return repr(record).encode(errors="replace")
    return record


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.floats(-10, 10), st.text(max_size=3), st.dates())
def test_values_come_back_as_they_went_in(number, fraction, text, day):
    intake = Intake(SCHEMA)
    intake.take("1", orjson.dumps({"n": number, "f": fraction, "s": text, "d": day}))
    intake.take("2", orjson.dumps({"n": str(number)}))
    kept = rows(intake.packed())
    assert [(row["n"], row["f"], row["s"], row["d"]) for row in kept[:1]] == [(number, fraction, text, day)]
    assert kept[1]["n"] == number


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("integer", 1.5, "type"),
        ("integer", True, "type"),
        ("integer", "1e3", "type"),
        ("integer", "٣", "type"),
        ("integer", 2**63, "range"),
        ("integer", 2.0**60, "type"),
        ("float", "1.5", "type"),
        ("float", False, "type"),
        ("boolean", 1, "type"),
        ("string", 1, "type"),
        ("date", "01.02.2026", "type"),
        ("datetime", "2026-03-01T12:00:00", "type"),
        ("datetime", "0001-01-01T00:00:00+14:00", "type"),
    ],
)
def test_nothing_is_guessed(kind, value, code):
    with pytest.raises(Unfit) as refused:
        check_of({"name": "x", "type": kind})(value)
    assert refused.value.code == code


def test_times_are_kept_in_utc():
    found = check_of({"name": "x", "type": "datetime"})("2026-03-01T00:30:00+01:00")
    assert found == datetime.datetime(2026, 2, 28, 23, 30, tzinfo=datetime.UTC)
