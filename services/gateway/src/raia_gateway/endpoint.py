"""One REST endpoint: an rpc by one of its bindings, compiled."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from raia.options.v1 import options_pb2
from raia_kit.contract import Access, MethodContract

from raia_gateway.asgi import Header
from raia_gateway.exchange import Exchange
from raia_gateway.json_codec.encode import field_encoder, message_encoder
from raia_gateway.json_codec.scalars import Encode
from raia_gateway.routes import Binding, Template, TemplateError, bindings
from raia_gateway.transcoding import RequestTranscoder

_TAGGED = re.compile(r'(?:W/)?"[^"]*"\Z')
_STATUS = {
    options_pb2.EFFECT_UNSPECIFIED: 200,
    options_pb2.EFFECT_CREATED: 201,
    options_pb2.EFFECT_STARTED: 202,
    options_pb2.EFFECT_DELETED: 204,
}


@dataclass(frozen=True)
class Endpoint:
    """What is needed to serve one binding of an rpc."""

    contract: MethodContract
    binding: Binding
    transcoder: RequestTranscoder
    encode: Encode
    """Answer message to JSON value."""
    status: int
    location: Template | None
    """The route by which what was created or started is read."""
    has_etag: bool

    def location_of(self, answer: Message) -> str:
        """The path of what the answer describes; empty when the answer does not say."""
        if self.location is None:
            return ""
        segments = list(self.location.segments)
        for variable in self.location.variables:
            value = getattr(answer, variable.path)
            if not value:
                return ""
            segments[variable.start] = quote(str(value), safe="")
        return "/" + "/".join(segments)

    def answer_headers(self, answer: Message) -> list[Header]:
        """ETag and Location of an answer."""
        headers: list[Header] = []
        if self.has_etag:
            etag: str = answer.etag  # type: ignore[attr-defined]
            if etag and etag.isascii() and etag.isprintable():
                headers.append((b"etag", (etag if _TAGGED.match(etag) else f'"{etag}"').encode()))
        location = self.location_of(answer)
        if location:
            headers.append((b"location", location.encode()))
        return headers


Handler = Callable[[Exchange, Endpoint, Mapping[str, str]], Awaitable[None]]
"""Serves a request that matched an endpoint; the mapping holds the texts of the path's variables."""


def compile_endpoints(contracts: Iterable[MethodContract]) -> list[Endpoint]:
    """Every binding of every rpc that REST may reach; raises ``TemplateError`` for one that cannot be served."""
    routed = [
        (contract, binding)
        for contract in contracts
        if contract.access is not Access.INTERNAL and contract.http_rule is not None
        for binding in bindings(contract.http_rule)
    ]
    return [_compile(contract, binding, routed) for contract, binding in routed]


def _compile(contract: MethodContract, binding: Binding, routed: list[tuple[MethodContract, Binding]]) -> Endpoint:
    output = contract.descriptor.output_type
    encode: Encode = message_encoder(output)
    if binding.response_body:
        field = output.fields_by_name.get(binding.response_body)
        if field is None:
            raise TemplateError(f"{output.full_name} has no field {binding.response_body}")
        encode = _part_encoder(binding.response_body, field_encoder(field))
    created = contract.effect in (options_pb2.EFFECT_CREATED, options_pb2.EFFECT_STARTED)
    return Endpoint(
        contract=contract,
        binding=binding,
        transcoder=RequestTranscoder(contract.descriptor.input_type, binding),
        encode=encode,
        status=_STATUS[contract.effect],  # type: ignore[index]  # an int, whatever the stubs say
        location=_reader_of(contract, output, routed) if created else None,
        has_etag="etag" in output.fields_by_name,
    )


def _part_encoder(name: str, convert: Encode | None) -> Encode:
    def encode(message: Any) -> Any:
        value = getattr(message, name)
        return value if convert is None else convert(value)

    return encode


def _reader_of(
    contract: MethodContract, output: Descriptor, routed: list[tuple[MethodContract, Binding]]
) -> Template | None:
    """The shortest GET route of the same service that answers this kind of resource by fields that it has."""
    found = [
        binding.template
        for other, binding in routed
        if binding.method == "GET"
        and other.service == contract.service
        and not other.response_streaming
        and other.descriptor.output_type.full_name == output.full_name
        and not binding.template.verb
        and binding.template.variables
        and all(
            variable.path in output.fields_by_name and variable.end == variable.start + 1
            for variable in binding.template.variables
        )
        and binding.template.text.startswith("/api/")
    ]
    return min(found, key=lambda template: len(template.segments), default=None)
