"""Bytes of a request body to a JSON value: strict, without duplicate names."""

import json
from typing import Any

import orjson

from raia_gateway.json_codec.errors import CodecError


def loads(raw: bytes) -> Any:
    """The JSON value of ``raw``; raises ``CodecError`` when it is not JSON or an object names something twice."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise CodecError(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    # Every name is followed by a colon and a dropped duplicate takes its colon with it, so equal counts mean that
    # nothing was dropped. Only an escaped colon could hide one, hence the second condition. Checking this way costs a
    # microsecond where a parser with a hook costs as much as the rest of the request.
    if raw.count(b":") != orjson.dumps(value).count(b":") or b"\\u" in raw:
        json.loads(raw, object_pairs_hook=_refuse_duplicates)
    return value


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise CodecError(f"the name {name[:100]!r} stands twice in one object")
        result[name] = value
    return result
