"""Compiles, once per message type, a function from a JSON value to the keywords of the message's constructor.

Nested messages stay keywords (dicts) all the way down, because constructors fill them in place, where a nested message
object would be copied.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from raia_gateway.json_codec.errors import CodecError, kind_of
from raia_gateway.json_codec.scalars import Decode, scalar_decoder, text_decoder
from raia_gateway.json_codec.structs import MAX_DEPTH, too_deep
from raia_gateway.json_codec.wellknown import WELL_KNOWN, WRAPPERS, any_decoder

_decoders: dict[str, tuple[Descriptor, Decode]] = {}


def message_decoder(descriptor: Descriptor) -> Decode:
    """The decoder of a message type: JSON value and depth to constructor keywords (a message for a Struct)."""
    name = descriptor.full_name
    known = _decoders.get(name)
    # A test may load another file under a name that was seen before, hence the comparison.
    if known is not None and known[0] is descriptor:
        return known[1]
    if name in WELL_KNOWN:
        decode = WELL_KNOWN[name][0]
    elif name in WRAPPERS:
        decode = _wrapper_decoder(descriptor)
    elif name == "google.protobuf.Any":
        decode = any_decoder(message_decoder)
    else:
        return _object_decoder(descriptor)
    _decoders[name] = (descriptor, decode)
    return decode


def _wrapper_decoder(descriptor: Descriptor) -> Decode:
    decode = scalar_decoder(descriptor.fields_by_name["value"])
    return lambda value, depth: {"value": decode(value, depth)}


def _object_decoder(descriptor: Descriptor) -> Decode:
    fields: dict[str, tuple[str, Decode, bool, str]] = {}
    has_oneof = any(len(oneof.fields) > 1 for oneof in descriptor.oneofs)

    def decode(value: Any, depth: int) -> dict[str, Any]:
        if type(value) is not dict:
            raise CodecError(f"must be an object, not {kind_of(value)}")
        if depth > MAX_DEPTH:
            raise too_deep()
        result: dict[str, Any] = {}
        seen: dict[str, str] = {}
        for key, item in value.items():
            known = fields.get(key)
            if known is None:
                raise CodecError("no such field").within(key[:100])
            name, convert, takes_null, oneof = known
            if name != key and (name in value):
                raise CodecError(f"given twice, as {name} and as {key}").within(name)
            if item is None and not takes_null:
                continue
            if has_oneof and oneof:
                if oneof in seen:
                    raise CodecError(f"cannot be given together with {seen[oneof]}").within(key)
                seen[oneof] = name
            try:
                result[name] = convert(item, depth)
            except CodecError as error:
                raise error.within(key) from None
        return result

    # Registered before its fields are compiled: a type may hold itself.
    _decoders[descriptor.full_name] = (descriptor, decode)
    for field in descriptor.fields:
        oneof = field.containing_oneof.name if field.containing_oneof is not None else ""
        entry = (field.name, field_decoder(field), _takes_null(field), oneof)
        fields[field.json_name] = fields[field.name] = entry
    return decode


def _takes_null(field: FieldDescriptor) -> bool:
    """Whether null is a value of the field rather than its absence."""
    if field.is_repeated:
        return False
    if field.message_type is not None:
        return bool(field.message_type.full_name == "google.protobuf.Value")
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"


def map_entry(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor] | None:
    """The fields of a map's keys and values; None for a field that is not a map."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None
    return entry.fields_by_name["key"], entry.fields_by_name["value"]


def field_decoder(field: FieldDescriptor) -> Decode:
    """The decoder of a field's whole value: an object for a map, an array for a repeated field."""
    entry = map_entry(field)
    if entry is not None:
        return _map_decoder(*entry)
    single = element_decoder(field)
    if not field.is_repeated:
        return single
    null_allowed = field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"

    def decode(value: Any, depth: int) -> list[Any]:
        if type(value) is not list:
            raise CodecError(f"must be an array, not {kind_of(value)}")
        items: list[Any] = []
        for item in value:
            try:
                if item is None and not null_allowed:
                    raise CodecError("must not be null")
                items.append(single(item, depth))
            except CodecError as error:
                raise error.within(f"[{len(items)}]") from None
        return items

    return decode


def element_decoder(field: FieldDescriptor) -> Decode:
    """The decoder of one value of a field, whether it is repeated or not."""
    if field.message_type is None:
        return scalar_decoder(field)
    convert = message_decoder(field.message_type)
    return lambda value, depth: convert(value, depth + 1)


def _map_decoder(key_field: FieldDescriptor, value_field: FieldDescriptor) -> Decode:
    key_of = text_decoder(key_field)
    convert = element_decoder(value_field)
    null_allowed = value_field.message_type is not None and (
        value_field.message_type.full_name == "google.protobuf.Value"
    )

    def decode(value: Any, depth: int) -> dict[Any, Any]:
        if type(value) is not dict:
            raise CodecError(f"must be an object, not {kind_of(value)}")
        result: dict[Any, Any] = {}
        for key, item in value.items():
            try:
                if item is None and not null_allowed:
                    raise CodecError("must not be null")
                # A map entry is a message of its own on the wire: one level more.
                decoded = key_of(key)
                if decoded in result:
                    raise CodecError("the same key stands twice")
                result[decoded] = convert(item, depth + 1)
            except CodecError as error:
                raise error.within(f"[{key[:100]!r}]") from None
        return result

    return decode
