"""What an audit entry may hold: whatever a caller sent, its entry can be written, shipped and indexed."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

NAME_LENGTH = 255
"""Characters of a name or id in an entry; with more, the ledger's indexes could not take it."""
TEXT_LENGTH = 2000
"""Characters of a text within the details."""
DETAILS_BYTES = 64 * 1024
"""Bytes of all details together, as JSON."""


def recorded_name(text: str) -> str:
    """A name or id as an entry holds it: cut to ``NAME_LENGTH``, without characters that PostgreSQL lacks."""
    return _storable(text, NAME_LENGTH)


def recorded_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details as an entry holds them: JSON values, texts cut to ``TEXT_LENGTH``; too many are left out and said so."""
    plain: dict[str, Any] = _plain(details)
    size = len(orjson.dumps(plain))
    if size > DETAILS_BYTES:
        return {"left_out": f"{size} bytes of details, of which at most {DETAILS_BYTES} are kept"}
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_storable(str(key), NAME_LENGTH): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # A larger one is no number that every reader of JSON understands.
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _storable(str(value), TEXT_LENGTH)


def _storable(text: str, length: int) -> str:
    shown = text if len(text) <= length else text[: length - 1] + "…"
    return shown.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
