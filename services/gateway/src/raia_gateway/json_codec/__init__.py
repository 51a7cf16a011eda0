"""Proto3 JSON by converters that are compiled from the descriptors once and used for every call."""

from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from raia_gateway.json_codec.decode import message_decoder
from raia_gateway.json_codec.document import loads
from raia_gateway.json_codec.encode import message_encoder
from raia_gateway.json_codec.errors import CodecError

__all__ = ["CodecError", "decode_message", "encode_message", "loads", "message_decoder", "message_encoder"]


def decode_message(descriptor: Descriptor, value: Any) -> Message:
    """A message of the type from a JSON value; raises ``CodecError`` naming the field that does not fit."""
    decoded = message_decoder(descriptor)(value, 0)
    if isinstance(decoded, Message):
        return decoded
    message: Message = GetMessageClass(descriptor)(**decoded)
    return message


def encode_message(message: Message) -> Any:
    """The JSON value of a message: an object, or what its well-known type stands for."""
    descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[assignment]  # the stubs know a second class
    return message_encoder(descriptor)(message)
