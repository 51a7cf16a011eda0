"""Endpoints with one request and one answer."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from google.protobuf.message import Message
from raia_kit.metadata import AUDIT_ID, REPLAYED

from raia_gateway.admission import Admission
from raia_gateway.asgi import ClientDisconnected, Header
from raia_gateway.endpoint import Endpoint
from raia_gateway.errors import UnsupportedMediaType
from raia_gateway.exchange import Exchange
from raia_gateway.upstream import LocalHandler, Upstream, call_metadata, call_timeout

_WATCHED_AFTER = 1.0


class Unary:
    """Transcodes a request, calls the rpc and transcodes its answer."""

    def __init__(
        self,
        endpoint: Endpoint,
        admission: Admission,
        upstream: Upstream,
        *,
        body_limit: int,
        local: LocalHandler | None,
    ) -> None:
        self._admission = admission
        self._body_limit = body_limit
        self._local = local
        self._callable: Any = None if local else upstream.callable(endpoint.contract)

    async def __call__(self, exchange: Exchange, endpoint: Endpoint, values: Mapping[str, str]) -> None:
        """Serves one request."""
        await self._admission.admit(exchange, endpoint.contract)
        body = await self._read(exchange, endpoint)
        request = endpoint.transcoder.request(
            values, exchange.scope["query_string"], body, exchange.header(b"if-match")
        )
        answer, headers = await self._call(exchange, endpoint, request)
        await respond(exchange, endpoint, answer, headers)

    async def _read(self, exchange: Exchange, endpoint: Endpoint) -> bytes | None:
        if not endpoint.transcoder.takes_body:
            return None
        body = await exchange.body(self._body_limit)
        if body:
            require_json(exchange)
        return body

    async def _call(self, exchange: Exchange, endpoint: Endpoint, request: Message) -> tuple[Message, list[Header]]:
        if self._local is not None:
            return await self._local(request, exchange), []
        call = self._callable(
            request, timeout=call_timeout(exchange, endpoint.contract), metadata=call_metadata(exchange)
        )
        with DisconnectWatch(exchange, call) as watch:
            answer: Message = await watch.answer(call)
        return answer, trailer_headers(await call.trailing_metadata())


def require_json(exchange: Exchange) -> None:
    """Raises ``UnsupportedMediaType`` unless the body is said to be JSON in UTF-8."""
    stated = exchange.header(b"content-type")
    kind, _, parameters = stated.partition(";")
    kind = kind.strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    charset = parameters.replace(" ", "").lower()
    if not is_json or ("charset=" in charset and "utf-8" not in charset):
        raise UnsupportedMediaType(stated, "application/json")


def trailer_headers(trailers: Iterable[Any] | None) -> list[Header]:
    """What of a call's trailers a REST client sees."""
    headers: list[Header] = []
    for key, value in trailers or ():
        if key == AUDIT_ID:
            headers.append((b"raia-audit-id", str(value).encode("latin-1")))
        elif key == REPLAYED:
            headers.append((b"idempotency-replayed", b"true"))
    return headers


async def respond(exchange: Exchange, endpoint: Endpoint, answer: Message, headers: list[Header]) -> None:
    """Sends an rpc's answer by its effect: 200, 201, 202, 204, or 304 when the client has it already."""
    if endpoint.status == 204:
        await exchange.respond(204, headers=headers)
        return
    headers += endpoint.answer_headers(answer)
    if endpoint.has_etag and endpoint.binding.method == "GET" and matches_etag(exchange, headers):
        await exchange.respond(304, headers=headers)
        return
    await exchange.respond(endpoint.status, orjson.dumps(endpoint.encode(answer)), headers=headers)


def matches_etag(exchange: Exchange, headers: list[Header]) -> bool:
    """Whether ``If-None-Match`` names the answer's ETag."""
    asked = exchange.headers.get(b"if-none-match")
    if not asked:
        return False
    etag = dict(headers).get(b"etag", b"")
    tags = [tag.strip().removeprefix(b"W/") for tag in asked.split(b",")]
    return bool(etag) and (etag.removeprefix(b"W/") in tags or b"*" in tags)


class DisconnectWatch:
    """Cancels a call when its client has gone; looks for that only once a call takes long, because looking costs."""

    def __init__(self, exchange: Exchange, call: Any) -> None:
        self._exchange, self._call = exchange, call
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    def __enter__(self) -> Self:
        self._timer = asyncio.get_running_loop().call_later(_WATCHED_AFTER, self._begin)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def answer(self, call: Awaitable[Message]) -> Message:
        """The call's answer; raises ``ClientDisconnected`` when it was cancelled because nobody waits for it."""
        try:
            return await call
        except asyncio.CancelledError:
            if self._gone:
                raise ClientDisconnected from None
            raise

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await self._exchange.disconnected()
        self._gone = True
        self._call.cancel()
