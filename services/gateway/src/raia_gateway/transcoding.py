"""A REST request to an rpc's request message, as the rpc's google.api.http rule says."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from raia_kit.errors import InvalidArgument

from raia_gateway.errors import MalformedRequest, invalid_field
from raia_gateway.json_codec import CodecError, loads
from raia_gateway.json_codec.decode import field_decoder, message_decoder
from raia_gateway.parameters import Parameter, assign, lookup, parameter
from raia_gateway.routes import Binding, TemplateError

_MOST_PARAMETERS = 1100
"""The longest list that a contract takes, 1,000 items, and what else a request has."""


class RequestTranscoder:
    """Builds the request message of one binding; compiled once, used for every call."""

    def __init__(self, descriptor: Descriptor, binding: Binding) -> None:
        """Raises ``TemplateError`` when the binding names fields that the request does not have."""
        self._descriptor = descriptor
        self._class = GetMessageClass(descriptor)
        self._body = binding.body
        self._parameters: dict[str, Parameter] = {}
        self._path = {variable.path: self._variable(variable.path) for variable in binding.template.variables}
        taken = {parameter.path for parameter in self._path.values()}
        self._taken = taken | ({(binding.body,)} if binding.body not in ("", "*") else set())
        self._decode_body = message_decoder(descriptor)
        if binding.body not in ("", "*"):
            if binding.body not in descriptor.fields_by_name:
                raise TemplateError(f"{descriptor.full_name} has no field {binding.body}")
            self._decode_body = field_decoder(descriptor.fields_by_name[binding.body])
        self.etag = self._etag_path()
        """Where ``If-Match`` goes; empty when the request has no place for it."""

    @property
    def takes_body(self) -> bool:
        """Whether the route reads a body."""
        return bool(self._body)

    def _variable(self, dotted: str) -> Parameter:
        try:
            found = parameter(self._descriptor, dotted)
        except CodecError as error:
            raise TemplateError(f"{self._descriptor.full_name}: {dotted}: {error}") from None
        if found.repeated:
            raise TemplateError(f"{self._descriptor.full_name}: {dotted} is repeated")
        return found

    def _etag_path(self) -> tuple[str, ...]:
        if "etag" in self._descriptor.fields_by_name:
            return ("etag",)
        field = self._descriptor.fields_by_name.get(self._body)
        if field is not None and field.message_type is not None and "etag" in field.message_type.fields_by_name:
            return (self._body, "etag")
        return ()

    def request(
        self, values: Mapping[str, str], query: bytes, body: bytes | None = None, if_match: str = ""
    ) -> Message:
        """The request message; raises ``InvalidArgument`` naming the field that does not fit."""
        keywords = self.keywords(values, query, body)
        if if_match and self.etag:
            self._apply_etag(keywords, if_match)
        message: Message = self._class(**keywords)
        return message

    def keywords(self, values: Mapping[str, str], query: bytes, body: bytes | None = None) -> dict[str, Any]:
        """The request as constructor keywords, for whoever adds to it."""
        keywords = self._from_body(body) if body else {}
        for name, text in values.items():
            self._from_path(keywords, self._path[name], text)
        if query:
            self._from_query(keywords, query)
        return keywords

    def _from_body(self, body: bytes) -> dict[str, Any]:
        try:
            document = loads(body)
            if self._body == "*":
                decoded: dict[str, Any] = self._decode_body(document, 0)
                return decoded
            try:
                return {self._body: self._decode_body(document, 0)}
            except CodecError as error:
                raise error.within(self._body) from None
        except CodecError as error:
            raise invalid_field(error) from None

    def _from_path(self, keywords: dict[str, Any], target: Parameter, text: str) -> None:
        try:
            value = target.from_text(text)
        except CodecError as error:
            raise invalid_field(error, target.name) from None
        there = lookup(keywords, target.path)
        if there is not None and there != value:
            raise InvalidArgument.of_field(target.name, "differs from the one in the path")
        assign(keywords, target.path, value)

    def _from_query(self, keywords: dict[str, Any], query: bytes) -> None:
        given: set[tuple[str, ...]] = set()
        for name, text in parse_query(query):
            target = self._parameter(name)
            try:
                value = target.from_text(text)
            except CodecError as error:
                raise invalid_field(error, target.name) from None
            if target.repeated:
                values = lookup(keywords, target.path)
                if values is None:
                    assign(keywords, target.path, [value])
                else:
                    values.append(value)
                continue
            key = target.oneof or target.path
            if key in given:
                raise InvalidArgument.of_field(target.name, "is given twice, or beside another that excludes it")
            given.add(key)
            assign(keywords, target.path, value)

    def _parameter(self, name: str) -> Parameter:
        known = self._parameters.get(name)
        if known is not None:
            return known
        try:
            if self._body == "*":
                raise CodecError("no such parameter: this call takes its fields from the body")
            found = parameter(self._descriptor, name)
            if any(found.path[: len(path)] == path for path in self._taken):
                raise CodecError("no such parameter: the path or the body gives this field")
        except CodecError as error:
            raise invalid_field(error, name[:100]) from None
        self._parameters[name] = found
        return found

    def _apply_etag(self, keywords: dict[str, Any], if_match: str) -> None:
        tag = if_match.strip()
        if tag == "*":
            return
        if not tag.startswith("W/"):  # a weak tag is the whole value of its field, a strong one stands in quotes
            tag = tag.strip('"')
        there = lookup(keywords, self.etag)
        if there and there != tag:
            raise InvalidArgument.of_field(".".join(self.etag), "differs from the If-Match header")
        assign(keywords, self.etag, tag)


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """The names and texts of a query string; raises ``MalformedRequest``."""
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        raise MalformedRequest("the query is not UTF-8", "MALFORMED_QUERY") from None
    except ValueError:
        raise MalformedRequest(f"the query has more than {_MOST_PARAMETERS} parameters", "MALFORMED_QUERY") from None
