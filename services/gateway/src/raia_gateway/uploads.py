"""Uploads: a form or a raw body becomes the request stream of an rpc, with flat memory and back pressure."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from raia_kit.errors import InvalidArgument, ResourceExhausted

from raia_gateway.admission import Admission
from raia_gateway.endpoint import Endpoint
from raia_gateway.errors import UnsupportedMediaType, invalid_field
from raia_gateway.exchange import Exchange
from raia_gateway.forms import FormField, FormReader, base_name, boundary_of
from raia_gateway.json_codec import CodecError, loads
from raia_gateway.json_codec.decode import field_decoder, map_entry
from raia_gateway.parameters import Parameter, assign, lookup, parameter
from raia_gateway.request_stream import AnsweredEarly, FileStream, StreamingCall
from raia_gateway.routes import TemplateError
from raia_gateway.transcoding import parse_query
from raia_gateway.unary import respond, trailer_headers
from raia_gateway.upstream import Upstream, call_metadata, call_timeout

_FORM_OVERHEAD = 2 * 1024 * 1024
"""What a form's fields and boundaries may add to the file."""
MOST_AT_ONCE = 32
"""Uploads that one caller may have open to one rpc: each holds a stream of the service, and those are few."""


class Upload:
    """Serves an rpc whose request stream is a oneof of ``metadata``, ``chunk`` and ``finish``."""

    def __init__(self, endpoint: Endpoint, admission: Admission, upstream: Upstream, *, limit: int) -> None:
        """Raises ``TemplateError`` when the request has not that shape."""
        contract = endpoint.contract
        if contract.upload is None:
            raise TemplateError(f"{contract.full_name} takes a stream and states no upload")
        self._admission = admission
        self._callable = upstream.uploader(contract)
        self._request = GetMessageClass(contract.descriptor.input_type)
        self._file_field = contract.upload.file_field
        self._declared = frozenset(contract.upload.metadata_fields)
        self._open: Counter[Hashable] = Counter()
        self._limit = min(limit, contract.upload.max_bytes or limit)
        self._metadata = _part(contract.descriptor.input_type, "metadata")
        self._finish = _part(contract.descriptor.input_type, "finish")
        if "chunk" not in contract.descriptor.input_type.fields_by_name:
            raise TemplateError(f"{contract.descriptor.input_type.full_name} has no field chunk")

    async def __call__(self, exchange: Exchange, endpoint: Endpoint, values: Mapping[str, str]) -> None:
        """Serves one request: nothing of its body is read before the caller is known."""
        await self._admission.admit(exchange, endpoint.contract)
        with self._place(exchange):
            await self._serve(exchange, endpoint, values)

    @contextmanager
    def _place(self, exchange: Exchange) -> Iterator[None]:
        """One of the caller's places; raises ``ResourceExhausted`` (TOO_MANY_STREAMS) when all are taken."""
        caller = exchange.caller
        who = (caller.org_id, caller.user_id or caller.service) if caller is not None else exchange.client_address
        if self._open[who] >= MOST_AT_ONCE:
            raise ResourceExhausted(
                f"{MOST_AT_ONCE} uploads of yours are open already; finish one first",
                reason="TOO_MANY_STREAMS",
                metadata={"limit": str(MOST_AT_ONCE)},
                retry_after=5.0,
            )
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    async def _serve(self, exchange: Exchange, endpoint: Endpoint, values: Mapping[str, str]) -> None:
        if b"content-encoding" in exchange.headers:
            raise UnsupportedMediaType(
                f"encoded as {exchange.header(b'content-encoding')}", "the file as it is, without a content encoding"
            )
        parts = _Parts(self._metadata, self._finish)
        parts.metadata = endpoint.transcoder.keywords(values, b"").get("metadata", {})
        for name, text in parse_query(exchange.scope["query_string"]):
            parts.add_text(name, text)
        content_type = exchange.header(b"content-type")
        is_form = content_type.partition(";")[0].strip().lower() == "multipart/form-data"
        exchange.stated_length(self._limit + (_FORM_OVERHEAD if is_form else 0))
        call = StreamingCall(self._callable, call_timeout(exchange, endpoint.contract), call_metadata(exchange))
        stream = FileStream(call, self._request, self._limit)
        try:
            if is_form:
                await self._send_form(exchange, stream, parts, content_type)
            else:
                await self._send_raw(exchange, stream, parts, content_type)
            await stream.finish(parts.finish)
        except AnsweredEarly:
            pass
        finally:
            call.end()
        answer = await call.answer()
        await respond(exchange, endpoint, answer, trailer_headers(call.trailers()))

    async def _send_form(self, exchange: Exchange, stream: FileStream, parts: "_Parts", kind: str) -> None:
        reader = FormReader(boundary_of(kind), self._file_field, stream.add)
        taken = 0
        async for piece in exchange.chunks():
            reader.feed(piece)
            for field in reader.fields[taken:]:
                parts.add_form_field(field)
            taken = len(reader.fields)
            if not parts.sealed and reader.file_begun and self._declared <= parts.given:
                # Every field that the form may have is there: the service can refuse before the file has come.
                parts.name_file(reader.filename, reader.file_type)
                await stream.tell(parts.metadata)
                parts.sealed = True
            await stream.drain()
        reader.finish()
        if not parts.sealed:
            parts.name_file(reader.filename, reader.file_type)
            await stream.tell(parts.metadata)

    async def _send_raw(self, exchange: Exchange, stream: FileStream, parts: "_Parts", kind: str) -> None:
        if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            raise UnsupportedMediaType(kind, "multipart/form-data or the file's bytes")
        parts.name_file(_disposition_name(exchange), kind)
        await stream.tell(parts.metadata)
        async for piece in exchange.chunks():
            stream.add(piece)
            await stream.drain()


class _Parts:
    """Constructor keywords of the metadata and finish messages, filled from path, query and form."""

    def __init__(self, metadata: Descriptor, finish: Descriptor) -> None:
        self._types = {"metadata": metadata, "finish": finish}
        self.metadata: dict[str, Any] = {}
        self.finish: dict[str, Any] = {}
        self.given: set[str] = set()
        self.sealed = False
        """Whether the metadata has been sent and can no longer change."""

    def add_text(self, name: str, text: str) -> None:
        """Takes a parameter of the query or a plain field of the form."""
        target, keywords = self._find(name)
        try:
            self._put(keywords, target, target.from_text(text))
        except CodecError as error:
            raise invalid_field(error, name) from None

    def add_form_field(self, field: FormField) -> None:
        """Takes a field of the form: as text, or as JSON where the metadata has an object or objects."""
        target = self._object_field(field.name)
        if target is None:
            self.add_text(field.name, field.text)
            return
        try:
            document = loads(bytes(field.value))
            if target.is_repeated and map_entry(target) is None:
                items = document if isinstance(document, list) else [document]
                self.metadata.setdefault(target.name, []).extend(field_decoder(target)(items, 1))
            elif target.name in self.metadata:
                raise CodecError("is given twice")
            else:
                self.metadata[target.name] = field_decoder(target)(document, 1)
        except CodecError as error:
            raise invalid_field(error.within(field.name[:100])) from None
        self.given.add(target.name)

    def name_file(self, filename: str, content_type: str) -> None:
        """Fills in the file's name and type where the metadata has a place for them and nobody has said more."""
        fields = self._types["metadata"].fields_by_name
        if filename and "filename" in fields:
            self.metadata.setdefault("filename", filename)
        if content_type and "content_type" in fields:
            self.metadata.setdefault("content_type", content_type[:255])

    def _object_field(self, name: str) -> FieldDescriptor | None:
        """The metadata field of this name if only JSON can fill it."""
        fields = self._types["metadata"]
        if self.sealed:
            return None
        field = fields.fields_by_name.get(name) or fields.fields_by_camelcase_name.get(name)
        if field is None:
            return None
        try:
            parameter(fields, name)
        except CodecError:
            return field
        return None

    def _find(self, name: str) -> tuple[Parameter, dict[str, Any]]:
        for part, keywords in (("metadata", self.metadata), ("finish", self.finish)):
            if self.sealed and part == "metadata":
                continue
            try:
                return parameter(self._types[part], name), keywords
            except CodecError:
                continue
        late = "stands twice, or is no field of this upload" if self.sealed else "no such field of this upload"
        raise InvalidArgument.of_field(name[:100], late)

    def _put(self, keywords: dict[str, Any], target: Parameter, value: Any) -> None:
        self.given.add(target.name)
        there = lookup(keywords, target.path)
        if target.repeated:
            if there is None:
                assign(keywords, target.path, [value])
            else:
                there.append(value)
        elif there is not None and there != value:
            raise InvalidArgument.of_field(target.name, "is given twice")
        else:
            assign(keywords, target.path, value)


def _part(request: Descriptor, name: str) -> Descriptor:
    field = request.fields_by_name.get(name)
    if field is None or field.message_type is None:
        raise TemplateError(f"{request.full_name} has no message field {name}")
    return field.message_type


def _disposition_name(exchange: Exchange) -> str:
    """The file's name in a raw body's Content-Disposition header."""
    _, _, options = exchange.header(b"content-disposition").partition(";")
    for option in options.split(";"):
        key, _, value = option.strip().partition("=")
        if key.lower() == "filename":
            return base_name(value.strip('"').encode("latin-1").decode("utf-8", "replace"))
    return ""
