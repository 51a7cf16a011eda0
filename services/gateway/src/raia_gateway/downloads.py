"""Streams of google.api.HttpBody as files: Range, ETag, and no more in memory than a message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raia_kit.errors import OutOfRange

from raia_gateway import metrics
from raia_gateway.admission import Admission
from raia_gateway.answers import Answers
from raia_gateway.asgi import Header
from raia_gateway.endpoint import Endpoint
from raia_gateway.errors import MalformedRequest
from raia_gateway.exchange import Exchange
from raia_gateway.unary import matches_etag
from raia_gateway.upstream import Upstream, call_metadata, call_timeout

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z", re.ASCII)
_SERVED = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)\Z", re.ASCII)
_PASSED_ON = ("content-disposition", "last-modified", "cache-control")


@dataclass(frozen=True)
class Span:
    """The bytes ``start`` up to but not including ``end`` of ``total``."""

    start: int
    end: int
    total: int


def requested_span(header: str, total: int) -> Span | None:
    """The one range that a Range header asks for; None when it is to be ignored.

    Raises ``OutOfRange`` (RANGE_INVALID) when it lies outside the file.
    """
    match = _RANGE.match(header.replace(" ", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, total - int(match[2])), total
    else:
        start, end = int(match[1]), min(total, int(match[2]) + 1 if match[2] else total)
        if match[2] and int(match[2]) < start:
            return None
    if start >= total or end <= start:
        raise OutOfRange(f"the file has {total} bytes", reason="RANGE_INVALID", metadata={"total_bytes": str(total)})
    return Span(start, end, total)


class Download:
    """Serves an rpc that streams a file.

    The service says in its initial metadata what it knows: ``etag``, ``file-size`` (bytes; gRPC keeps
    ``content-length`` to itself), ``content-disposition``, ``last-modified``. It gets the client's ``range`` and may
    answer ``content-range`` itself; if it does not, the gateway cuts the range out of the whole.
    """

    def __init__(self, endpoint: Endpoint, admission: Admission, upstream: Upstream) -> None:
        self._admission = admission
        self._callable = upstream.callable(endpoint.contract)

    async def __call__(self, exchange: Exchange, endpoint: Endpoint, values: Mapping[str, str]) -> None:
        """Serves one request."""
        await self._admission.admit(exchange, endpoint.contract)
        request = endpoint.transcoder.request(values, exchange.scope["query_string"])
        wanted = exchange.header(b"range")
        if len(wanted) > 200:
            raise MalformedRequest("the Range header is too long")
        metadata = call_metadata(exchange)
        if wanted and b"if-range" not in exchange.headers:
            metadata += (("range", wanted),)
        call = self._callable(request, timeout=call_timeout(exchange, endpoint.contract), metadata=metadata)
        async with Answers(exchange, call) as answers:
            first: Any = await answers.next()
            facts = {key: value for key, value in await call.initial_metadata() if isinstance(value, str)}
            await self._send(exchange, answers, first, facts, wanted)

    async def _send(
        self, exchange: Exchange, answers: Answers, first: Any, facts: Mapping[str, str], wanted: str
    ) -> None:
        headers = _headers(first, facts)
        if matches_etag(exchange, headers):
            await exchange.respond(304, headers=headers)
            return
        status, span = self._span(exchange, facts, wanted, headers)
        if exchange.method == "HEAD":
            await exchange.start(status, headers)
            await exchange.finish()
            return
        await exchange.start(status, headers)
        await _copy(exchange, answers, first, span)
        await exchange.finish()

    def _span(
        self, exchange: Exchange, facts: Mapping[str, str], wanted: str, headers: list[Header]
    ) -> tuple[int, Span | None]:
        served = _SERVED.match(facts.get("content-range", ""))
        if served is not None:
            headers.append((b"content-range", served[0].encode()))
            headers.append((b"content-length", str(int(served[2]) - int(served[1]) + 1).encode()))
            return 206, None
        total = facts.get("file-size", "")
        if not total.isdecimal():
            return 200, None
        span = requested_span(wanted, int(total)) if wanted and _range_holds(exchange, headers) else None
        headers.append((b"accept-ranges", b"bytes"))
        length = int(total) if span is None else span.end - span.start
        headers.append((b"content-length", str(length).encode()))
        if span is None:
            return 200, None
        headers.append((b"content-range", f"bytes {span.start}-{span.end - 1}/{span.total}".encode()))
        return 206, span


def _headers(first: Any, facts: Mapping[str, str]) -> list[Header]:
    kind = (first.content_type if first is not None else "") or "application/octet-stream"
    headers: list[Header] = [(b"content-type", kind.encode("latin-1", "replace"))]
    etag = facts.get("etag", "")
    if etag:
        headers.append((b"etag", (etag if etag.startswith(('"', 'W/"')) else f'"{etag}"').encode("latin-1")))
    headers.extend((name.encode(), facts[name].encode("latin-1")) for name in _PASSED_ON if name in facts)
    return headers


def _range_holds(exchange: Exchange, headers: list[Header]) -> bool:
    """Whether the file is still the one that ``If-Range`` names."""
    condition = exchange.headers.get(b"if-range")
    return condition is None or condition == dict(headers).get(b"etag")


async def _copy(exchange: Exchange, answers: Answers, first: Any, span: Span | None) -> None:
    """Passes messages on as they come, the span alone if there is one."""
    position, message = 0, first
    while message is not None:
        data: bytes = message.data
        start = position
        position += len(data)
        if span is not None:
            data = data[max(0, span.start - start) : max(0, span.end - start)]
        if data:
            await exchange.write(data)
            metrics.DOWNLOADED_BYTES.inc(len(data))
        if span is not None and position >= span.end:
            return
        message = await answers.next()
