"""Compiles, once per message type, a function from a message to plain JSON values."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from raia_gateway.json_codec.decode import map_entry
from raia_gateway.json_codec.errors import CodecError
from raia_gateway.json_codec.scalars import Encode, scalar_encoder
from raia_gateway.json_codec.wellknown import WELL_KNOWN, WRAPPERS, any_encoder

_encoders: dict[str, tuple[Descriptor, Encode]] = {}


def message_encoder(descriptor: Descriptor) -> Encode:
    """The encoder of a message type: names as in the contract, fields without presence always given."""
    name = descriptor.full_name
    known = _encoders.get(name)
    if known is not None and known[0] is descriptor:
        return known[1]
    if name in WELL_KNOWN:
        encode = WELL_KNOWN[name][1]
    elif name in WRAPPERS:
        encode = _wrapper_encoder(descriptor)
    elif name == "google.protobuf.Any":
        encode = any_encoder(message_encoder)
    else:
        return _object_encoder(descriptor)
    _encoders[name] = (descriptor, encode)
    return encode


def _wrapper_encoder(descriptor: Descriptor) -> Encode:
    convert = scalar_encoder(descriptor.fields_by_name["value"])
    return (lambda message: message.value) if convert is None else (lambda message: convert(message.value))


def _object_encoder(descriptor: Descriptor) -> Encode:
    plan: list[tuple[str, bool, Encode | None]] = []

    def encode(message: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, has_presence, convert in plan:
            if has_presence and not message.HasField(name):
                continue
            value = getattr(message, name)
            try:
                result[name] = value if convert is None else convert(value)
            except CodecError as error:
                raise error.within(name) from None
        return result

    # Registered before its fields are compiled: a type may hold itself.
    _encoders[descriptor.full_name] = (descriptor, encode)
    plan.extend((field.name, field.has_presence, field_encoder(field)) for field in descriptor.fields)
    return encode


def _element_encoder(field: FieldDescriptor) -> Encode | None:
    return scalar_encoder(field) if field.message_type is None else message_encoder(field.message_type)


def field_encoder(field: FieldDescriptor) -> Encode | None:
    """The encoder of a field's whole value; None when it is JSON as it is."""
    entry = map_entry(field)
    if entry is not None:
        return _map_encoder(*entry)
    convert = _element_encoder(field)
    if not field.is_repeated:
        return convert
    return list if convert is None else (lambda values: [convert(value) for value in values])


def _map_encoder(key_field: FieldDescriptor, value_field: FieldDescriptor) -> Encode:
    convert = _element_encoder(value_field)
    if key_field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        text: Any = {True: "true", False: "false"}.__getitem__
    else:
        text = str
    if convert is None:
        return lambda values: {text(key): value for key, value in values.items()}
    return lambda values: {text(key): convert(value) for key, value in values.items()}
