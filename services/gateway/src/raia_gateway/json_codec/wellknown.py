"""The well-known types whose JSON is not an object of their fields."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor

from raia_gateway.json_codec.errors import CodecError, kind_of
from raia_gateway.json_codec.scalars import Decode, Encode
from raia_gateway.json_codec.structs import (
    decode_list,
    decode_struct,
    decode_value,
    encode_list,
    encode_struct,
    encode_value,
)
from raia_gateway.json_codec.times import decode_duration, decode_timestamp, encode_duration, encode_timestamp

_UPPER = re.compile(r"[A-Z]")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z", re.ASCII)


def _decode_mask(value: Any, _depth: int) -> dict[str, list[str]]:
    """``name,schema_info.columns``; lowerCamelCase paths are accepted too."""
    if type(value) is not str:
        raise CodecError(f"must be a comma-separated list of field names, not {kind_of(value)}")
    paths = []
    for raw in value.split(",") if value else []:
        path = raw.strip()
        if not _PATH.match(path):
            raise CodecError(f"{path[:40]!r} is not a field name")
        paths.append(_UPPER.sub(lambda match: f"_{match[0].lower()}", path))
    return {"paths": paths}


def _encode_mask(message: Any) -> str:
    """Paths as the fields are named everywhere else: in snake_case."""
    return ",".join(message.paths)


WELL_KNOWN: dict[str, tuple[Decode, Encode]] = {
    "google.protobuf.Timestamp": (decode_timestamp, encode_timestamp),
    "google.protobuf.Duration": (decode_duration, encode_duration),
    "google.protobuf.FieldMask": (_decode_mask, _encode_mask),
    "google.protobuf.Struct": (decode_struct, encode_struct),
    "google.protobuf.Value": (decode_value, encode_value),
    "google.protobuf.ListValue": (decode_list, encode_list),
}

WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


def any_encoder(encoder_of: Callable[[Descriptor], Encode]) -> Encode:
    """The encoder of google.protobuf.Any: ``@type`` beside the fields of what it holds."""

    def encode(message: Any) -> dict[str, Any]:
        if not message.type_url:
            return {}
        name = message.type_url.rpartition("/")[2]
        try:
            descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        except KeyError:
            raise CodecError(f"the type {name} is not known here") from None
        held = message_factory.GetMessageClass(descriptor).FromString(message.value)
        value = encoder_of(descriptor)(held)
        plain = name not in WELL_KNOWN and name not in WRAPPERS
        return {"@type": message.type_url, **value} if plain else {"@type": message.type_url, "value": value}

    return encode


def any_decoder(decoder_of: Callable[[Descriptor], Decode]) -> Decode:
    """The decoder of google.protobuf.Any; only types of the platform's own contracts and google.rpc are known."""

    def decode(value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            raise CodecError(f"must be an object, not {kind_of(value)}")
        if not value:
            return {}
        url = value.get("@type")
        if type(url) is not str or "/" not in url:
            raise CodecError("must name its type in @type")
        name = url.rpartition("/")[2]
        try:
            descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        except KeyError:
            raise CodecError(f"the type {name[:100]} is not known here") from None
        plain = name not in WELL_KNOWN and name not in WRAPPERS
        content = {key: item for key, item in value.items() if key != "@type"} if plain else value.get("value")
        held = decoder_of(descriptor)(content, depth + 1)
        message = held if not isinstance(held, dict) else message_factory.GetMessageClass(descriptor)(**held)
        return {"type_url": url, "value": message.SerializeToString()}

    return decode
