"""Checks requests against the constraints of their contract."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import protovalidate
from google.protobuf.message import Message

from raia_kit.context import Call
from raia_kit.errors import FieldViolation, InvalidArgument

_collect = protovalidate.collect_violations


@contextmanager
def validation(call: Call) -> Iterator[None]:
    """Validates the request; the messages of a stream are validated as they come (``validate``)."""
    if call.malformed is not None:
        raise call.malformed
    if call.request is not None:
        validate(call.request)
    yield


def validate(message: Message) -> None:
    """Raises ``InvalidArgument`` (INVALID_FIELD) that names the path of each field that breaks a constraint."""
    found = _collect(message)
    if found:
        violations = [
            FieldViolation(_path(violation.proto.field), violation.proto.message or f"breaks {violation.proto.rule_id}")
            for violation in found
        ]
        first = violations[0]
        raise InvalidArgument(
            f"{first.field}: {first.description}" if first.field else first.description,
            reason="INVALID_FIELD",
            metadata={"field": first.field},
            violations=violations,
        )


def _path(field: Any) -> str:
    """``columns[3].name`` for a path of a violation."""
    path = ""
    for element in field.elements if field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            value = element.subscript.value
            path += f'["{value}"]' if isinstance(value, str) else f"[{value}]"
    return path
