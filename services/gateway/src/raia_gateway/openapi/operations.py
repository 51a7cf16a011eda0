"""One OpenAPI operation per REST route."""

import re
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from raia.options.v1 import options_pb2
from raia_kit.contract import Access

from raia_gateway.endpoint import Endpoint
from raia_gateway.json_codec import CodecError
from raia_gateway.json_codec.decode import map_entry
from raia_gateway.json_codec.wellknown import WELL_KNOWN, WRAPPERS
from raia_gateway.openapi.comments import Comments, first_sentence
from raia_gateway.openapi.constraints import is_required
from raia_gateway.openapi.schemas import Schema, Schemas
from raia_gateway.parameters import parameter, resolve


def _header(name: str, description: str, schema: Schema | None = None) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": schema or {"type": "string"}}


_DEEPEST_QUERY = 2
_TEXT_DURATION = "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s?$"
_HTTP_BODY = "google.api.HttpBody"
_KEY_PARAMETER = _header(
    "Idempotency-Key",
    "A key of your choice; the call is done once per key.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
_MATCH_PARAMETER = _header("If-Match", "The ETag that you last saw; the call is refused when it has changed.")
_NONE_MATCH_PARAMETER = _header("If-None-Match", "The ETag that you have; 304 when it is still the same.")
_RANGE_PARAMETER = _header("Range", "The part of the file that you want, such as bytes=0-1023.")
_ERROR = {"$ref": "#/components/responses/Error"}


def shown_name(name: str) -> str:
    """How a path variable is called to readers: the field alone, without the message that it lies in."""
    return name.rpartition(".")[2]


def shown_path(shape: str) -> str:
    """A route's path with its variables as readers know them; ``GET`` and ``POST`` of one place are one path."""
    return re.sub(r"\{([^{}]+)\}", lambda found: "{" + shown_name(found[1]) + "}", shape)


class Operations:
    """Makes operations; schemas that they need are gathered in ``schemas``."""

    def __init__(self, schemas: Schemas, comments: Comments) -> None:
        self._schemas, self._comments = schemas, comments
        self._count: dict[str, int] = {}

    def operation(self, endpoint: Endpoint) -> dict[str, Any]:
        """The operation of one route."""
        contract = endpoint.contract
        descriptor = contract.descriptor
        service = descriptor.containing_service
        text = self._comments.text(descriptor.full_name)
        identity = f"{service.name}_{descriptor.name}"
        number = self._count[identity] = self._count.get(identity, 0) + 1
        result: dict[str, Any] = {
            "operationId": identity if number == 1 else f"{identity}_{number}",
            "summary": first_sentence(text) or descriptor.name,
            "description": f"{text}\n\n{_access(endpoint)}",
            "tags": [service.name],
            "parameters": self._parameters(endpoint),
            "responses": self._responses(endpoint),
        }
        if contract.access is Access.PUBLIC:
            result["security"] = []
        if contract.permission:
            result["x-permission"] = contract.permission
        if descriptor.GetOptions().deprecated:
            result["deprecated"] = True
        body = self._body(endpoint)
        if body is not None:
            result["requestBody"] = body
        return result

    def _parameters(self, endpoint: Endpoint) -> list[Schema]:
        request = endpoint.contract.descriptor.input_type
        taken = {variable.path for variable in endpoint.binding.template.variables}
        ordered = sorted(taken, key=endpoint.binding.template.text.index)
        found = [self._path_parameter(request, name) for name in ordered]
        if endpoint.contract.upload is not None:
            found += self._upload_query(endpoint, taken)
        elif endpoint.binding.body != "*":
            found += self._query(request, (), taken | ({endpoint.binding.body} if endpoint.binding.body else set()))
        if endpoint.contract.mutating:
            found.append(_KEY_PARAMETER)
        if endpoint.transcoder.etag:
            found.append(_MATCH_PARAMETER)
        if endpoint.has_etag and endpoint.binding.method == "GET":
            found.append(_NONE_MATCH_PARAMETER)
        if endpoint.contract.descriptor.output_type.full_name == _HTTP_BODY:
            found += [_RANGE_PARAMETER, _NONE_MATCH_PARAMETER]
        return found

    def _path_parameter(self, request: Descriptor, name: str) -> Schema:
        field = resolve(request, name)[-1]
        described = self._parameter(field, shown_name(name), "path")
        schema = described["schema"]
        if schema.get("type") == "string" and "format" not in schema and "enum" not in schema:
            schema["minLength"] = max(1, schema.get("minLength", 1))
        return {**described, "required": True}

    def _query(self, message: Descriptor, prefix: tuple[str, ...], taken: set[str]) -> list[Schema]:
        found: list[Schema] = []
        for field in message.fields:
            name = ".".join((*prefix, field.name))
            if name in taken or map_entry(field) is not None:
                continue
            inner = field.message_type
            if inner is not None and inner.full_name not in WELL_KNOWN and inner.full_name not in WRAPPERS:
                if not field.is_repeated and len(prefix) < _DEEPEST_QUERY:
                    found += self._query(inner, (*prefix, field.name), taken)
                continue
            try:
                parameter(message, field.name)
            except CodecError:
                continue  # free-form objects travel in bodies alone
            found.append(self._parameter(field, name, "query"))
        return found

    def _parameter(self, field: FieldDescriptor, name: str, place: str) -> Schema:
        schema = self._schemas.field(field)
        description = schema.pop("description", "") or name
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.Duration":
            schema = {"type": "string", "pattern": _TEXT_DURATION, "examples": ["5s", "5"]}
        result: Schema = {"name": name, "in": place, "description": description, "schema": schema}
        if place == "query" and is_required(field) and "." not in name:
            result["required"] = True
        if field.is_repeated:
            result |= {"style": "form", "explode": True}
        return result

    def _upload_query(self, endpoint: Endpoint, taken: set[str]) -> list[Schema]:
        """A raw body leaves no other place for an upload's fields."""
        metadata = endpoint.contract.descriptor.input_type.fields_by_name["metadata"].message_type
        assert metadata is not None
        plain = {name.removeprefix("metadata.") for name in taken}
        found = self._query(metadata, (), plain)
        for one in found:
            one.pop("required", None)
            one["description"] += " For raw bodies; a form carries it as a field."
            one["x-raw-body"] = True
        return found

    def _body(self, endpoint: Endpoint) -> Schema | None:
        request = endpoint.contract.descriptor.input_type
        if endpoint.contract.upload is not None:
            return self._upload_body(endpoint)
        if not endpoint.binding.body:
            return None
        taken = frozenset(variable.path for variable in endpoint.binding.template.variables if "." not in variable.path)
        if endpoint.binding.body == "*":
            whole = self._schemas.message(request) if not taken else self._schemas.object(request, taken)
            needed = any(is_required(field) for field in request.fields if field.name not in taken)
        else:
            field = request.fields_by_name[endpoint.binding.body]
            whole = self._schemas.field(field)
            needed = is_required(field)
        return {"required": needed, "content": {"application/json": {"schema": whole}}}

    def _upload_body(self, endpoint: Endpoint) -> Schema:
        upload = endpoint.contract.upload
        assert upload is not None
        metadata = endpoint.contract.descriptor.input_type.fields_by_name["metadata"].message_type
        assert metadata is not None
        properties: Schema = {
            name: self._schemas.field(metadata.fields_by_name[name])
            for name in upload.metadata_fields
            if name in metadata.fields_by_name
        }
        limit = f", at most {upload.max_bytes} bytes" if upload.max_bytes else ""
        properties[upload.file_field] = {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "format": "binary",
            "description": f"The file{limit}. Fields may stand before or after it.",
        }
        form = {"type": "object", "required": [upload.file_field], "properties": properties}
        raw = {"type": "string", "format": "binary", "description": "The file's bytes; its fields are in the query."}
        content = {"multipart/form-data": {"schema": form}, "application/octet-stream": {"schema": raw}}
        return {"required": True, "content": content}

    def _responses(self, endpoint: Endpoint) -> Schema:
        responses = {str(endpoint.status): self._success(endpoint)}
        for status in ("400", "401", "403", "404", "429"):
            if status in ("401", "403") and endpoint.contract.access is Access.PUBLIC:
                continue
            responses[status] = _ERROR
        etagged = endpoint.has_etag and endpoint.binding.method == "GET"
        if etagged or endpoint.contract.descriptor.output_type.full_name == _HTTP_BODY:
            responses["304"] = {"description": "Unchanged since the ETag in If-None-Match."}
        if endpoint.transcoder.etag:
            responses["412"] = _ERROR
        responses["default"] = _ERROR
        return dict(sorted(responses.items()))

    def _success(self, endpoint: Endpoint) -> Schema:
        output = endpoint.contract.descriptor.output_type
        if endpoint.status == 204:
            return {"description": "Done.", "headers": _headers(endpoint)}
        if output.full_name == _HTTP_BODY:
            whole: Schema = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
            return {"description": "The file, or the range of it that was asked for (206).", "content": whole}
        schema = self._schemas.message(output)
        if endpoint.binding.response_body:
            schema = self._schemas.field(output.fields_by_name[endpoint.binding.response_body])
        description = self._comments.text(output.full_name) or "The answer."
        if endpoint.contract.response_streaming:
            kinds = ("application/x-ndjson", "text/event-stream")
            content: Schema = {kind: {"schema": {"type": "string"}, "x-message": schema} for kind in kinds}
            return {"description": f"A stream of messages, each: {description}", "content": content}
        result: Schema = {"description": description, "content": {"application/json": {"schema": schema}}}
        headers = _headers(endpoint)
        return {**result, "headers": headers} if headers else result


def _headers(endpoint: Endpoint) -> Schema:
    headers: Schema = {}
    if endpoint.has_etag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if endpoint.location is not None:
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if endpoint.contract.mutating:
        headers["raia-audit-id"] = {"$ref": "#/components/headers/AuditId"}
    return headers


def _access(endpoint: Endpoint) -> str:
    contract = endpoint.contract
    if contract.access is Access.PUBLIC:
        said = f"Public: {contract.reason}."
    elif contract.access is Access.SELF:
        said = f"Needs a token and no permission: {contract.reason}."
    else:
        said = f"Needs the permission `{contract.permission}`."
    if contract.effect == options_pb2.EFFECT_STARTED:
        said += " Starts long work and answers at once; the answer's resource tells how it goes."
    if contract.mutating and contract.audit_action:
        said += f" Recorded in the audit ledger as `{contract.audit_action}`."
    return said
