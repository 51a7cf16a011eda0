"""What kinds of values fields have, and how a filter's text becomes one."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import FieldDescriptor
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, SmallInteger, Uuid

from raia_kit.contract import ContractError

_EQUALITY = frozenset({"=", "!=", ":"})
_ORDER = _EQUALITY | {"<", "<=", ">", ">="}


class BadValue(Exception):
    """The text is no value of the field; the message says what would be, with the field's name before it."""


@dataclass(frozen=True)
class Kind:
    """What the values of a field are."""

    name: str
    """``text``, ``texts`` (several of them), ``integer``, ``number``, ``boolean``, ``time`` or ``id``."""
    comparators: frozenset[str]
    bits: int = 64
    """Size of an integer."""


_KINDS = {
    FieldDescriptor.CPPTYPE_STRING: Kind("text", _ORDER),
    FieldDescriptor.CPPTYPE_INT32: Kind("integer", _ORDER, 32),
    FieldDescriptor.CPPTYPE_UINT32: Kind("integer", _ORDER, 32),
    FieldDescriptor.CPPTYPE_INT64: Kind("integer", _ORDER, 64),
    FieldDescriptor.CPPTYPE_UINT64: Kind("integer", _ORDER, 64),
    FieldDescriptor.CPPTYPE_FLOAT: Kind("number", _ORDER),
    FieldDescriptor.CPPTYPE_DOUBLE: Kind("number", _ORDER),
    FieldDescriptor.CPPTYPE_BOOL: Kind("boolean", _EQUALITY),
}


def kind_of(field: FieldDescriptor, column: ColumnElement[Any]) -> Kind:
    """The kind of a contract's field as its column stores it; raises ``ContractError`` if lists cannot use it."""
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
        return Kind("time", _ORDER)
    kind = _KINDS.get(field.cpp_type)
    if kind is not None and kind.name == "text" and field.is_repeated and isinstance(column.type, ARRAY):
        return Kind("texts", frozenset({":"}))
    if kind is None or field.is_repeated:
        raise ContractError(f"{field.full_name} cannot be filtered or ordered by")
    if kind.name == "text" and isinstance(column.type, Uuid):
        return Kind("id", _EQUALITY)
    if kind.name == "integer":
        return Kind("integer", _ORDER, min(kind.bits, integer_bits(column)))
    return kind


def integer_bits(column: ColumnElement[Any]) -> int:
    """How large integers the column holds: 16, 32 or 64."""
    if isinstance(column.type, SmallInteger):
        return 16
    return 32 if isinstance(column.type, Integer) and not isinstance(column.type, BigInteger) else 64


def parse_value(kind: Kind, text: str, *, quoted: bool) -> Any:
    """The value that the text of a filter states; raises ``BadValue``."""
    match kind.name:
        case "text":
            return _text(text)
        case "id":
            return _id(text)
        case "time":
            return _time(text)
        case "boolean":
            if quoted or text not in ("true", "false"):
                raise BadValue("is true or false")
            return text == "true"
        case "integer":
            return _integer(text, kind.bits, quoted)
        case _:
            return _number(text, quoted)


def _text(text: str) -> str:
    if "\x00" in text:
        raise BadValue("holds no NUL characters")
    return text


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadValue("is an id, such as 0197b0b0-0000-7000-8000-000000000000") from error


def _time(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is None and len(text) > len("2026-01-31"):
            raise BadValue("is a time with its zone, such as 2026-01-31T12:00:00Z")
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadValue("is a time, such as 2026-01-31T12:00:00Z or 2026-01-31") from error


def _integer(text: str, bits: int, quoted: bool) -> int:
    digits = text[1:] if text[:1] == "-" else text
    if quoted or not (digits.isascii() and digits.isdigit()) or len(digits) > 30:
        raise BadValue("is a whole number")
    value = int(text)
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise BadValue(f"lies between {-(2 ** (bits - 1))} and {2 ** (bits - 1) - 1}")
    return value


def _number(text: str, quoted: bool) -> float:
    try:
        value = float(text) if not quoted and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValue("is a number")
    return value
