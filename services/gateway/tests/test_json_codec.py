"""The compiled codec against protobuf's own, on generated messages and on bad input."""

import json
import math
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_gateway.json_codec import CodecError, decode_message, encode_message, loads

from .protofiles import kinds

pytestmark = pytest.mark.fast
KINDS = kinds()
DESCRIPTOR = KINDS.Kinds.DESCRIPTOR

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
uint64 = st.integers(0, 2**64 - 1)


def one_nan(value: float) -> float:
    """JSON knows one NaN, so its many bit patterns are not asked for."""
    return math.nan if math.isnan(value) else value


double = st.floats().map(one_nan)
# The largest float is printed with one digit more than protobuf prints, so that it can be read back.
float32 = st.floats(width=32).filter(lambda value: abs(value) != 3.4028234663852886e38).map(one_nan)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
moment = st.builds(
    lambda seconds, nanos: {"seconds": seconds, "nanos": nanos},
    st.integers(-62135596800, 253402300799),
    st.sampled_from([0, 1, 500_000_000, 123_000_000, 123_456_000, 999_999_999]),
)
span = st.builds(
    lambda seconds, nanos, sign: {"seconds": sign * seconds, "nanos": sign * nanos},
    st.integers(0, 315575999999),
    st.sampled_from([0, 1, 500_000_000, 123_456_000]),
    st.sampled_from([1, -1]),
)
part = st.recursive(
    st.fixed_dictionaries({}, optional={"part_name": text, "count": int32}),
    lambda inner: st.fixed_dictionaries({"inner_part": inner}, optional={"part_name": text}),
    max_leaves=4,
)
colour = st.sampled_from([0, 1, 2, 7])
mask = st.lists(st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5}){0,2}", fullmatch=True), max_size=3).map(lambda p: {"paths": p})
fields = st.fixed_dictionaries(
    {},
    optional={
        "a_double": double,
        "a_float": float32,
        "an_int32": int32,
        "an_int64": int64,
        "a_uint32": st.integers(0, 2**32 - 1),
        "a_uint64": uint64,
        "a_sint32": int32,
        "a_sint64": int64,
        "a_fixed32": st.integers(0, 2**32 - 1),
        "a_fixed64": uint64,
        "a_bool": st.booleans(),
        "a_string": text,
        "some_bytes": st.binary(max_size=20),
        "colour": colour,
        "part": part,
        "maybe_int": int32,
        "maybe_text": text,
        "numbers": st.lists(int64, max_size=3),
        "texts": st.lists(text, max_size=3),
        "colours": st.lists(colour, max_size=3),
        "parts": st.lists(part, max_size=3),
        "counts": st.dictionaries(text, int64, max_size=3),
        "parts_by_number": st.dictionaries(int32, part, max_size=3),
        "names": st.dictionaries(st.booleans(), text, max_size=2),
        "choice_text": text,
        "moment": moment,
        "span": span,
        "mask": mask,
        "wrapped_int": int64.map(lambda value: {"value": value}),
        "wrapped_text": text.map(lambda value: {"value": value}),
        "wrapped_bool": st.booleans().map(lambda value: {"value": value}),
        "wrapped_bytes": st.binary(max_size=9).map(lambda value: {"value": value}),
        "moments": st.lists(moment, max_size=3),
        "floats": st.lists(float32, max_size=3),
        "doubles": st.lists(double, max_size=3),
    },
)
structs = st.fixed_dictionaries(
    {},
    optional={
        "facts": st.dictionaries(text, json_value, max_size=4),
        "anything": json_value,
        "listing": st.lists(json_value, max_size=4),
        "values": st.lists(json_value, max_size=4),
        "structs": st.lists(st.dictionaries(text, json_value, max_size=3), max_size=3),
        "structs_by_name": st.dictionaries(text, st.dictionaries(text, json_value, max_size=3), max_size=3),
    },
)


def parse(value: Any) -> Message:
    message: Message = json_format.ParseDict(value, KINDS.Kinds())
    return message


def theirs(message: Message) -> Any:
    shown = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    if "mask" in shown:  # ours names paths as fields are named everywhere else
        shown["mask"] = ",".join(message.mask.paths)  # type: ignore[attr-defined]
    return shown


def same(left: Any, right: Any) -> bool:
    """Equality of documents, as bytes: NaN is a string in both."""
    return bool(json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)) or left == right


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(fields)
def test_messages_are_printed_as_protobuf_prints_them_and_read_back(values: dict[str, Any]) -> None:
    message = KINDS.Kinds(**values)
    ours = encode_message(message)
    assert same(ours, theirs(message))
    document = loads(orjson.dumps(ours))
    assert decode_message(DESCRIPTOR, document).SerializeToString(deterministic=True) == (
        message.SerializeToString(deterministic=True)
    )
    assert decode_message(DESCRIPTOR, json_format.MessageToDict(message)).SerializeToString(deterministic=True) == (
        message.SerializeToString(deterministic=True)
    )


@SETTINGS
@given(structs)
def test_free_form_json_passes_through_unchanged(values: dict[str, Any]) -> None:
    message = decode_message(DESCRIPTOR, values)
    assert message == parse(values)
    ours = encode_message(message)
    assert {name: ours[name] for name in values} == values
    assert same(ours, theirs(message))


scalar_junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(
        [
            "1",
            "1.0",
            "1e2",
            "-0",
            " 1",
            "1_0",
            "NaN",
            "nan",
            "Infinity",
            "true",
            "COLOUR_RED",
            "AAA=",
            "A-_/",
            "2026-01-01T00:00:00Z",
            "3s",
            "a_b,c",
            "x.y",
        ]
    ),
)


@SETTINGS
@given(st.sampled_from([field.name for field in DESCRIPTOR.fields if field.name != "packed"]), scalar_junk)
def test_whatever_is_accepted_means_what_protobuf_says(name: str, value: Any) -> None:
    try:
        ours = decode_message(DESCRIPTOR, {name: value})
    except CodecError as error:
        assert error.path.startswith(name)
        assert error.description
        return
    if name == "mask" or (name == "values" and value is None):
        return  # snake_case is accepted here and refused there; null for an array of Values breaks protobuf's reader
    assert ours == parse({name: value})


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({"unknown": 1}, "unknown", "no such field"),
        ({"part": {"part_name": 5}}, "part.part_name", "must be a string"),
        ({"parts": [{}, {"count": "x"}]}, "parts[1].count", "must be an integer"),
        ({"parts": [None]}, "parts[0]", "must not be null"),
        ({"parts": {}}, "parts", "must be an array"),
        ({"part": []}, "part", "must be an object"),
        ({"an_int32": 2**31}, "an_int32", "out of range for int32"),
        ({"an_int32": 1.5}, "an_int32", "must be an integer"),
        ({"an_int32": True}, "an_int32", "must be an integer"),
        ({"an_int64": "9223372036854775808"}, "an_int64", "out of range"),
        ({"a_uint32": -1}, "a_uint32", "out of range"),
        ({"a_bool": "true"}, "a_bool", "must be true or false"),
        ({"a_float": 1e39}, "a_float", "too large"),
        ({"colour": "PINK"}, "colour", "COLOUR_RED"),
        ({"some_bytes": "a*b"}, "some_bytes", "base64"),
        ({"counts": {"a": None}}, "counts['a']", "must not be null"),
        ({"parts_by_number": {"x": {}}}, "parts_by_number['x']", "must be an integer"),
        ({"choice_text": "a", "choice_number": 1}, "choice_number", "cannot be given together with choice_text"),
        ({"a_string": "a", "aString": "b"}, "a_string", "given twice"),
        ({"a_string": "a\0b"}, "a_string", "U+0000"),
        ({"facts": {"a": {"b": ["\0"]}}}, "facts.a.b[0]", "U+0000"),
        ({"moment": "yesterday"}, "moment", "timestamp"),
        ({"moment": "2026-02-30T00:00:00Z"}, "moment", "calendar"),
        ({"moment": "0001-01-01T00:00:00+23:59"}, "moment", "years"),
        ({"span": "5"}, "span", "duration"),
        ({"mask": "a..b"}, "mask", "field name"),
        ({"packed": {"@type": "x/y.Z"}}, "packed", "not known"),
        ({"packed": {"a": 1}}, "packed", "@type"),
    ],
)
def test_errors_name_the_path_and_the_fault(document: Any, path: str, says: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode_message(DESCRIPTOR, document)
    assert caught.value.path == path
    assert says in caught.value.description


def test_both_spellings_of_names_are_read_and_null_is_absence() -> None:
    message = decode_message(DESCRIPTOR, {"aString": "x", "an_int32": 5, "maybeText": None, "part": None})
    assert message == KINDS.Kinds(a_string="x", an_int32=5)


def test_any_holds_messages_and_well_known_types() -> None:
    for document in (
        {"@type": "type.googleapis.com/raia.sample.v1.Part", "part_name": "a", "count": 1},
        {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"},
        {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"a": [1]}},
    ):
        message = decode_message(DESCRIPTOR, {"packed": document})
        assert encode_message(message)["packed"] == document


def nested(levels: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if kind == "object" else [value]
    return value


@pytest.mark.parametrize(("kind", "levels"), [("object", 33), ("array", 49)])
def test_what_is_accepted_can_be_read_from_the_wire_and_deeper_is_refused(kind: str, levels: int) -> None:
    message = decode_message(DESCRIPTOR, {"anything": nested(levels, kind)})
    assert KINDS.Kinds.FromString(message.SerializeToString()) == message
    for deep in (levels + 1, 500):
        with pytest.raises(CodecError, match="nested too deeply"):
            decode_message(DESCRIPTOR, {"anything": nested(deep, kind)})


def test_recursive_messages_are_bounded() -> None:
    document: Any = {}
    for _ in range(150):
        document = {"inner_part": document}
    with pytest.raises(CodecError, match="nested too deeply"):
        decode_message(DESCRIPTOR, {"part": document})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1,]",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": 1} x',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"'a'",
        b'{"a": 01}',
    ],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(CodecError, match="not valid JSON"):
        loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"b":{"a":1,"a":1}}',
        b'[{"a":":","a":"x"}]',
        b'{"a":"\\u003a", "a":"\\u003ab"}',
        b'{"\\u0061":1,"a":2}',
    ],
)
def test_duplicate_names_are_refused(raw: bytes) -> None:
    with pytest.raises(CodecError, match="stands twice"):
        loads(raw)


@given(json_value)
def test_valid_documents_are_read(value: Any) -> None:
    assert loads(json.dumps(value).encode()) == value


def test_numbers_too_large_for_anything_are_refused() -> None:
    for raw in (b'{"a_double": 1e999}', b'{"an_int64": 1e999}', b'{"anything": 1e999}', b'{"a_double": -1e999}'):
        with pytest.raises(CodecError):
            decode_message(DESCRIPTOR, loads(raw))
    huge = b'{"an_int64": ' + b"9" * 5000 + b"}"
    with pytest.raises(CodecError):
        decode_message(DESCRIPTOR, loads(huge))


def test_values_cannot_hold_what_json_cannot() -> None:
    message = KINDS.Kinds()
    message.anything.number_value = math.nan
    with pytest.raises(CodecError, match="anything: a JSON value"):
        encode_message(message)
