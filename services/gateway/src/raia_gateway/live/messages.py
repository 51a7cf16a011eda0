"""The JSON that goes over a WebSocket, in both directions."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from raia_kit.errors import InvalidArgument
from raia_kit.events.envelope import Event, UnknownEventType

from raia_gateway.errors import answer
from raia_gateway.json_codec import CodecError, encode_message, loads

MOST_TOPICS = 100


@dataclass(frozen=True)
class Request:
    """One message of a client."""

    op: str
    """``subscribe``, ``unsubscribe``, ``renew`` or ``ping``."""
    id: str = ""
    """Chosen by the client; comes back in the answer."""
    topics: list[Any] = field(default_factory=list)
    cursor: str = ""
    token: str = ""


_FIELDS = {
    "subscribe": {"op", "id", "topics", "cursor"},
    "unsubscribe": {"op", "id", "topics"},
    "renew": {"op", "id", "token"},
    "ping": {"op", "id"},
}


def read_request(data: bytes) -> Request:
    """A client's message; raises ``InvalidArgument`` saying what is wrong with it."""
    try:
        document = loads(data)
    except CodecError as error:
        raise InvalidArgument(f"the message is {error.description}", reason="MALFORMED_BODY") from None
    op = document.get("op") if isinstance(document, dict) else None
    if not isinstance(op, str) or op not in _FIELDS:
        raise InvalidArgument.of_field("op", f"must be one of {', '.join(_FIELDS)}")
    unknown = set(document) - _FIELDS[op]
    if unknown:
        raise InvalidArgument.of_field(sorted(unknown)[0][:100], f"no such field of {op}")
    for name in ("id", "cursor", "token"):
        if not isinstance(document.get(name, ""), str):
            raise InvalidArgument.of_field(name, "must be a string")
    topics = document.get("topics", [])
    if not isinstance(topics, list) or len(topics) > MOST_TOPICS:
        raise InvalidArgument.of_field("topics", f"must be an array of at most {MOST_TOPICS} topic names")
    if document["op"] in ("subscribe", "unsubscribe") and not topics:
        raise InvalidArgument.of_field("topics", "must name a topic")
    return Request(**document)


def event_document(event: Event) -> dict[str, Any]:
    """An event as clients see it; ``data`` is the payload as proto3 JSON, null when this release cannot read it."""
    try:
        data = encode_message(event.decode())
    except (UnknownEventType, CodecError):
        data = None
    return {
        "id": str(event.id),
        "type": event.type,
        "topic": event.topic,
        "key": event.key,
        "time": event.headers.get("time", ""),
        "correlation_id": event.correlation_id,
        "data": data,
    }


def event_message(document: bytes, cursor: str) -> bytes:
    """An event with its cursor; ``document`` is made once for all who get it."""
    return b'{"op":"event","cursor":"' + cursor.encode() + b'","event":' + document + b"}"


def message(op: str, request_id: str = "", **fields: Any) -> bytes:
    """Any other message."""
    document = {"op": op, **({"id": request_id} if request_id else {}), **fields}
    return orjson.dumps(document)


def error_message(error: BaseException, request_id: str, connection_id: str) -> bytes:
    """An error in the form that REST answers have."""
    return message("error", request_id, error=answer(error, connection_id).document)
