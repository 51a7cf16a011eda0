"""Puts the document together and serves it."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from raia_gateway.asgi import Header
from raia_gateway.endpoint import Endpoint
from raia_gateway.exchange import Exchange
from raia_gateway.openapi.comments import Comments
from raia_gateway.openapi.operations import Operations, shown_path
from raia_gateway.openapi.schemas import Schema, Schemas

_DESCRIPTION = """\
RAIA, the Responsible AI & Analytics platform.

**Names and values.** Fields are named as shown, in snake_case; lowerCamelCase is accepted too. 64-bit integers are
strings, durations are seconds with an `s`, times are RFC 3339. NaN and infinite numbers are the strings `NaN`,
`Infinity` and `-Infinity`. Unknown fields are refused by name.

**Errors** are `google.rpc.Status` as JSON: `details` holds an `ErrorInfo` with a stable `reason`, `BadRequest` with
the fields at fault, `RetryInfo` when trying again helps.

**Repeating safely.** Send an `Idempotency-Key` with a call that changes something: a repeated call with the same key
and body is done once. **Concurrent edits**: send the `ETag` back as `If-Match`.

**Time limits.** `Request-Timeout: <seconds>` shortens the time that a call may take.

**Streams** come as server-sent events (`Accept: text/event-stream`) or as newline-delimited JSON.

**Live events.** `GET /ws/real-time` opens a WebSocket; the token is in the Authorization header or, from browsers, a
subprotocol `bearer.<token>` beside `raia.v1`. Send `{"op": "subscribe", "topics": ["raia.ingest.dataset"]}`, with
`"cursor"` to go on where you were; each event carries the cursor to go on from. `unsubscribe`, `renew` (a new
`"token"`) and `ping` are the other messages. A connection that reads too slowly is closed with 4408 and its last
cursor, one whose token ended with 4401.
"""

_ERROR_DETAILS: tuple[tuple[str, dict[str, str], Schema], ...] = (
    (
        "ErrorInfo",
        {"reason": "string", "domain": "string"},
        {"metadata": {"type": "object", "additionalProperties": {"type": "string"}}},
    ),
    ("RetryInfo", {"retry_delay": "string"}, {}),
    ("RequestInfo", {"request_id": "string", "serving_data": "string"}, {}),
)


def build_document(endpoints: Iterable[Endpoint], descriptors: FileDescriptorSet, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    comments = Comments(descriptors)
    schemas = Schemas(comments)
    operations = Operations(schemas, comments)
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for endpoint in endpoints:
        service = endpoint.contract.descriptor.containing_service
        tags[service.name] = comments.text(service.full_name)
        verb = endpoint.binding.method.lower()
        paths.setdefault(shown_path(endpoint.binding.template.shape), {})[verb] = operations.operation(endpoint)
    schemas.components["google.rpc.Status"] = _status_schema()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RAIA",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": tags[name]} for name in sorted(tags)],
        "paths": dict(sorted(paths.items())),
        "components": {**_shared(), "schemas": dict(sorted(schemas.components.items()))},
    }


def _status_schema() -> Schema:
    details: list[Schema] = []
    for name, texts, others in _ERROR_DETAILS:
        properties: Schema = {"@type": {"const": f"type.googleapis.com/google.rpc.{name}"}}
        properties |= {field: {"type": kind} for field, kind in texts.items()} | others
        details.append({"type": "object", "title": name, "required": ["@type"], "properties": properties})
    violation = {
        "type": "object",
        "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
    }
    details.append(
        {
            "type": "object",
            "title": "BadRequest",
            "required": ["@type"],
            "properties": {
                "@type": {"const": "type.googleapis.com/google.rpc.BadRequest"},
                "field_violations": {"type": "array", "items": violation},
            },
        }
    )
    details.append({"type": "object", "title": "Any", "required": ["@type"], "additionalProperties": True})
    return {
        "type": "object",
        "description": "What went wrong.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "The gRPC code."},
            "message": {"type": "string", "description": "The fault and its remedy, for people."},
            "details": {"type": "array", "items": {"anyOf": details}, "description": "The same for programs."},
        },
    }


def _shared() -> Schema:
    """Security schemes, headers and the error answer."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/google.rpc.Status"}}}
    return {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The access token that signing in answers.",
            }
        },
        "headers": {
            "ETag": {"description": "Changes with every change of the resource.", "schema": {"type": "string"}},
            "Location": {"description": "Where the resource is read.", "schema": {"type": "string"}},
            "AuditId": {"description": "The entry of the audit ledger.", "schema": {"type": "string"}},
        },
        "responses": {"Error": {"description": "The call failed.", "content": error}},
    }


class OpenApiPage:
    """Serves ``/openapi.json``."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._body = orjson.dumps(document)
        self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'.encode()

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one request."""
        headers: list[Header] = [
            (b"etag", self._etag),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        ]
        if self._etag in exchange.headers.get(b"if-none-match", b""):
            await exchange.respond(304, headers=headers)
        else:
            await exchange.respond(200, self._body, headers=headers)
