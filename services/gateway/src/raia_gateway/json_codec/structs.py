"""google.protobuf.Struct, Value and ListValue: JSON as it is."""

import math
from typing import Any

from google.protobuf import struct_pb2

from raia_gateway.json_codec.errors import CodecError, kind_of
from raia_gateway.json_codec.scalars import decode_string

MAX_DEPTH = 100
"""Levels of messages that the wire format's readers accept; a Struct takes three a level, a list two."""

_NULL: dict[str, Any] = {"null_value": 0}


def too_deep() -> CodecError:
    """The error for a document nested further than any reader of the wire format follows."""
    return CodecError("nested too deeply")


def decode_value(value: Any, depth: int) -> dict[str, Any]:
    """Any JSON value as constructor keywords of a Value."""
    if depth > MAX_DEPTH:
        raise too_deep()
    kind = type(value)
    if kind is str:
        return {"string_value": decode_string(value, depth)}
    if kind is bool:
        return {"bool_value": value}
    if kind is int or kind is float:
        if not math.isfinite(value):
            raise CodecError("the number is too large")
        return {"number_value": value}
    if value is None:
        return _NULL
    if kind is list:
        return {"list_value": decode_list(value, depth + 1)}
    return {"struct_value": decode_struct(value, depth + 1)}


def decode_list(value: Any, depth: int) -> dict[str, Any]:
    """A JSON array as constructor keywords of a ListValue."""
    if type(value) is not list:
        raise CodecError(f"must be an array, not {kind_of(value)}")
    if depth > MAX_DEPTH:
        raise too_deep()
    items = []
    for index, item in enumerate(value):
        try:
            items.append(decode_value(item, depth + 1))
        except CodecError as error:
            raise error.within(f"[{index}]") from None
    return {"values": items}


def decode_struct(value: Any, depth: int) -> struct_pb2.Struct:
    """A JSON object as a Struct.

    A message, not keywords: the constructors read a plain dict for a Struct field as the JSON itself, value by value
    in Python, which is slower and checks nothing.
    """
    if type(value) is not dict:
        raise CodecError(f"must be an object, not {kind_of(value)}")
    if depth > MAX_DEPTH:
        raise too_deep()
    fields = {}
    for key, item in value.items():
        try:
            fields[decode_string(key, depth)] = decode_value(item, depth + 2)
        except CodecError as error:
            raise error.within(key) from None
    return struct_pb2.Struct(fields=fields)  # type: ignore[arg-type]  # keywords stand for messages


def encode_value(message: Any) -> Any:
    """The JSON value that a Value holds; an unset one is null."""
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        number = message.number_value
        if not math.isfinite(number):
            raise CodecError("a JSON value cannot be NaN or infinite")
        # Whole numbers print without a fraction, as they came in.
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return encode_struct(message.struct_value)
    if kind == "list_value":
        return [encode_value(item) for item in message.list_value.values]
    return None


def encode_list(message: Any) -> list[Any]:
    """The JSON array that a ListValue holds."""
    return [encode_value(item) for item in message.values]


def encode_struct(message: Any) -> dict[str, Any]:
    """The JSON object that a Struct holds."""
    return {key: encode_value(item) for key, item in message.fields.items()}
