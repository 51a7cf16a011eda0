"""Scalar fields: JSON value to Python value and back, with proto3's ranges and spellings."""

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from raia_gateway.json_codec.errors import CodecError, kind_of

Decode = Callable[[Any, int], Any]
"""JSON value and nesting depth to what the message's constructor takes."""
Encode = Callable[[Any], Any]
"""Field value to JSON value."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?\Z", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,20}\Z", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_MAX = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1, "int32"),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1, "int64"),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1, "uint32"),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1, "uint64"),
}


def _integer_decoder(low: int, high: int, name: str) -> Decode:
    def decode(value: Any, _depth: int) -> int:
        number = value if type(value) is int else _integer(value)
        if low <= number <= high:
            return number
        raise CodecError(f"out of range for {name}: must lie between {low} and {high}")

    return decode


def _integer(value: Any) -> int:
    """Integers in disguise: ``"12"``, ``1.0``, ``"1e3"``."""
    if isinstance(value, str):
        if _INTEGER.match(value):
            return int(value)
        if _NUMBER.match(value):
            value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise CodecError(f"must be an integer, not {_shown(value)}")


def _double(value: Any, _depth: int) -> float:
    if type(value) is int:
        return float(value)
    if type(value) is str:
        if value in _SPECIAL:
            return _SPECIAL[value]
        if _NUMBER.match(value):
            value = float(value)
    if type(value) is not float:
        raise CodecError(f"must be a number, not {_shown(value)}")
    if not math.isfinite(value):
        raise CodecError("the number is too large")
    return value


def _float(value: Any, depth: int) -> float:
    number = _double(value, depth)
    if math.isfinite(number) and abs(number) > _FLOAT_MAX:
        raise CodecError("the number is too large for a 32-bit float")
    return number


def _boolean(value: Any, _depth: int) -> bool:
    if value is True or value is False:
        return value
    raise CodecError(f"must be true or false, not {_shown(value)}")


def decode_string(value: Any, _depth: int) -> str:
    """A string; refuses U+0000, which no column of the database can hold."""
    if type(value) is not str:
        raise CodecError(f"must be a string, not {kind_of(value)}")
    if "\0" in value:
        raise CodecError("must not contain the character U+0000")
    return value


def _bytes(value: Any, _depth: int) -> bytes:
    if type(value) is not str:
        raise CodecError(f"must be a base64 string, not {kind_of(value)}")
    try:
        raw = value.encode("ascii").translate(_URL_SAFE).rstrip(b"=")
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except ValueError:
        raise CodecError("must be base64") from None


def _enum_decoder(enum: EnumDescriptor) -> Decode:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}

    def decode(value: Any, _depth: int) -> int:
        if type(value) is str:
            number = numbers.get(value)
            if number is not None:
                return number
            raise CodecError(f"must be one of {', '.join(list(numbers)[:20])}, not {_shown(value)}")
        if type(value) is not int and not (isinstance(value, float) and value.is_integer()):
            raise CodecError(f"must be the name of a value of {enum.name}, not {kind_of(value)}")
        if not -(2**31) <= value < 2**31:
            raise CodecError("out of range for an enum")
        return int(value)

    return decode


def scalar_decoder(field: FieldDescriptor) -> Decode:
    """The decoder of one value of a scalar field."""
    kind = field.cpp_type
    if kind in _RANGES:
        return _integer_decoder(*_RANGES[kind])
    enum = field.enum_type
    if enum is not None:
        return _null_value if enum.full_name == "google.protobuf.NullValue" else _enum_decoder(enum)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes
    return {
        FieldDescriptor.CPPTYPE_DOUBLE: _double,
        FieldDescriptor.CPPTYPE_FLOAT: _float,
        FieldDescriptor.CPPTYPE_BOOL: _boolean,
        FieldDescriptor.CPPTYPE_STRING: decode_string,
    }[kind]


def _null_value(value: Any, _depth: int) -> int:
    if value is None or value == "NULL_VALUE":
        return 0
    raise CodecError("must be null")


def text_decoder(field: FieldDescriptor) -> Callable[[str], Any]:
    """The decoder of one value of a scalar field from a path, a query or a form, where everything is text."""
    decode = scalar_decoder(field)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _boolean_text
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return lambda text: decode(int(text) if _INTEGER.match(text) else text, 0)
    return lambda text: decode(text, 0)


def _boolean_text(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    raise CodecError(f"must be true or false, not {_shown(text)}")


def scalar_encoder(field: FieldDescriptor) -> Encode | None:
    """The encoder of one value of a scalar field; None when the value is JSON as it is."""
    if field.enum_type is not None:
        return _enum_encoder(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode("ascii")
    return _ENCODERS.get(field.cpp_type)


def _enum_encoder(enum: EnumDescriptor) -> Encode:
    if enum.full_name == "google.protobuf.NullValue":
        return lambda _value: None
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda value: names.get(value, value)


def encode_double(value: float) -> float | str:
    """A number, or ``NaN``, ``Infinity``, ``-Infinity`` as strings, which JSON has no numbers for."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _encode_float(value: float) -> float | str:
    """The shortest decimal number that is the same 32-bit float."""
    if not math.isfinite(value):
        return encode_double(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= _FLOAT_MAX and struct.unpack("<f", struct.pack("<f", short))[0] == value:
            return short
    return float(f"{value:.9g}")


_ENCODERS: dict[int, Encode] = {
    FieldDescriptor.CPPTYPE_INT64: str,
    FieldDescriptor.CPPTYPE_UINT64: str,
    FieldDescriptor.CPPTYPE_DOUBLE: encode_double,
    FieldDescriptor.CPPTYPE_FLOAT: _encode_float,
}


def _shown(value: Any) -> str:
    """A value as an error may show it: short."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "…")
    return repr(value)[:40] if isinstance(value, (int, float)) else kind_of(value)
