"""Request fields by their dotted names: how a text from a path, a query or a form gets into the request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from raia_gateway.json_codec import CodecError, message_decoder
from raia_gateway.json_codec.scalars import Decode, text_decoder
from raia_gateway.json_codec.times import decode_duration_text
from raia_gateway.json_codec.wellknown import WELL_KNOWN, WRAPPERS

_AS_TEXT = WRAPPERS | {"google.protobuf.Timestamp", "google.protobuf.FieldMask"}
_DEEPEST = 8


@dataclass(frozen=True)
class Parameter:
    """One field that texts can fill."""

    path: tuple[str, ...]
    """Field names from the request down."""
    repeated: bool
    from_text: Callable[[str], Any]
    """Converts one text; raises ``CodecError``."""
    oneof: tuple[str, ...]
    """Names the oneof that the field is a choice of, with the path to it; empty for none."""
    field: FieldDescriptor

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.path)


def resolve(descriptor: Descriptor, dotted: str) -> list[FieldDescriptor]:
    """The fields along a dotted name; raises ``CodecError`` for a name that no field has."""
    found: list[FieldDescriptor] = []
    current: Descriptor | None = descriptor
    names = dotted.split(".")
    if len(names) > _DEEPEST:
        raise CodecError("no such parameter")
    for name in names:
        if current is None or current.full_name in WELL_KNOWN or current.full_name in WRAPPERS:
            raise CodecError("no such parameter")
        field = current.fields_by_name.get(name) or current.fields_by_camelcase_name.get(name)
        if field is None or (found and found[-1].is_repeated):
            raise CodecError("no such parameter")
        found.append(field)
        current = field.message_type
    return found


def parameter(descriptor: Descriptor, dotted: str) -> Parameter:
    """The parameter of this name; raises ``CodecError`` when there is none or no text can fill it."""
    fields = resolve(descriptor, dotted)
    field = fields[-1]
    path = tuple(one.name for one in fields)
    oneof = field.containing_oneof
    choice = (*path[:-1], oneof.name) if oneof is not None and len(oneof.fields) > 1 else ()
    return Parameter(path, field.is_repeated, _text_converter(field), choice, field)


def _text_converter(field: FieldDescriptor) -> Callable[[str], Any]:
    message = field.message_type
    if message is None:
        return text_decoder(field)
    name = message.full_name
    if name == "google.protobuf.Duration":
        return decode_duration_text
    if name in WRAPPERS:
        inner = text_decoder(message.fields_by_name["value"])
        return lambda text: {"value": inner(text)}
    if name in _AS_TEXT:
        decode: Decode = message_decoder(message)
        return lambda text: decode(text, 1)
    raise CodecError("takes an object, which only a body can carry")


def assign(keywords: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Puts a value below nested constructor keywords."""
    for name in path[:-1]:
        keywords = keywords.setdefault(name, {})
    keywords[path[-1]] = value


def lookup(keywords: dict[str, Any], path: tuple[str, ...]) -> Any:
    """The value that stands at a path, None when there is none."""
    current: Any = keywords
    for name in path:
        if not isinstance(current, dict):
            return None
        current = current.get(name)
    return current
