import datetime
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_kit.compute_codec import Decoder, decode, encode

pytestmark = pytest.mark.fast

_KEYS = st.text() | st.sampled_from(["\x00bytes", "\x00float", "\x00map"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=200),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)


def frame(value: Any) -> bytes:
    return b"".join(encode(value))


@given(VALUES)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert decode(memoryview(frame(value))) == value


@given(st.lists(VALUES, max_size=4), st.integers(1, 40))
def test_frames_survive_any_cutting(values: list[Any], size: int) -> None:
    stream = b"".join(frame(value) for value in values)
    decoder = Decoder()
    out = [value for start in range(0, len(stream), size) for value in decoder.feed(stream[start : start + size])]
    assert out == values


def test_not_a_number_stays_one() -> None:
    out = decode(memoryview(frame([math.nan, math.inf, -math.inf, 1.5])))
    assert math.isnan(out[0])
    assert out[1:] == [math.inf, -math.inf, 1.5]


def test_what_json_lacks_arrives_in_its_nearest_form() -> None:
    now = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    one = uuid.uuid4()
    out = decode(memoryview(frame({"t": (1, 2), "b": bytearray(b"x"), "v": memoryview(b"yz"), "id": one, "at": now})))
    assert out == {"t": [1, 2], "b": b"x", "v": b"yz", "id": str(one), "at": now.isoformat()}


@pytest.mark.parametrize("value", [object(), {1: "integer key"}, 2**70, {"a": {1, 2}}])
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)
