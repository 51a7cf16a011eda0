"""The ASGI application: finds the endpoint of a request, serves it, answers errors, counts."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from raia_kit.contract import MethodContract
from raia_kit.errors import Kind
from raia_kit.faults import Faults
from raia_kit.status import as_raia_error

from raia_gateway import metrics
from raia_gateway.admission import Admission
from raia_gateway.asgi import ClientDisconnected, Receive, Scope, Send
from raia_gateway.docs_page import DocsPage
from raia_gateway.downloads import Download
from raia_gateway.endpoint import Endpoint, Handler, compile_endpoints
from raia_gateway.errors import MethodNotAllowed, RouteNotFound, answer
from raia_gateway.exchange import Exchange
from raia_gateway.headers import API_POLICY, CommonHeaders
from raia_gateway.openapi.document import OpenApiPage, build_document
from raia_gateway.routes import Matcher
from raia_gateway.streams import ServerStream
from raia_gateway.tracing import Tracing
from raia_gateway.unary import Unary, trailer_headers
from raia_gateway.uploads import Upload
from raia_gateway.upstream import LocalHandler, Upstream

_LOG = logging.getLogger("raia.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Page = Callable[[Exchange], Awaitable[None]]
"""Serves a fixed path that is no rpc."""
LiveEndpoint = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Serves WebSockets."""


@dataclass(frozen=True)
class Limits:
    """Sizes of bodies, in bytes."""

    body: int = 4 * 1024**2
    upload: int = 10 * 1024**3


@dataclass
class Parts:
    """What the application is put together from."""

    contracts: Sequence[MethodContract]
    admission: Admission
    upstream: Upstream
    headers: CommonHeaders
    faults: Faults
    live: LiveEndpoint
    limits: Limits = field(default_factory=Limits)
    tracing: Tracing = field(default_factory=lambda: Tracing(recording=False))
    local: Mapping[str, LocalHandler] = field(default_factory=dict)
    """Rpcs that the gateway serves itself, by full name."""
    pages: Mapping[str, Page] = field(default_factory=dict)
    """GET pages by path."""
    startup: Sequence[Callable[[], Awaitable[None]]] = ()
    shutdown: Sequence[Callable[[], Awaitable[None]]] = ()


class Application:
    """Raw ASGI: one instance serves REST, pages and WebSockets of one process."""

    def __init__(self, parts: Parts) -> None:
        """Compiles every route; raises ``TemplateError`` for a contract that cannot be served."""
        self._parts = parts
        self._headers = parts.headers
        self._matcher: Matcher[tuple[Endpoint, Handler]] = Matcher()
        self.endpoints = compile_endpoints(parts.contracts)
        handlers: dict[str, Handler] = {}
        for endpoint in self.endpoints:
            name = endpoint.contract.full_name
            if name not in handlers:
                handlers[name] = self._handler(endpoint)
            self._matcher.add(endpoint.binding.method, endpoint.binding.template, (endpoint, handlers[name]))
        self._pages = {**parts.pages}
        self._histograms: dict[tuple[str, str, int], Any] = {}

    def describe(self, descriptors: FileDescriptorSet, version: str) -> None:
        """Serves ``/openapi.json``, made from the routes and the contracts' comments, and ``/docs``."""
        self._pages["/openapi.json"] = OpenApiPage(build_document(self.endpoints, descriptors, version))
        self._pages["/docs"] = DocsPage()

    def _handler(self, endpoint: Endpoint) -> Handler:
        contract, admission, upstream = endpoint.contract, self._parts.admission, self._parts.upstream
        limits = self._parts.limits
        if contract.request_streaming:
            return Upload(endpoint, admission, upstream, limit=limits.upload)
        if contract.response_streaming:
            if contract.descriptor.output_type.full_name == httpbody_pb2.HttpBody.DESCRIPTOR.full_name:
                return Download(endpoint, admission, upstream)
            return ServerStream(endpoint, admission, upstream, body_limit=limits.body)
        local = self._parts.local.get(contract.full_name)
        return Unary(endpoint, admission, upstream, body_limit=limits.body, local=local)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, one WebSocket, or the process's life."""
        if scope["type"] == "http":
            await self._http(Exchange(scope, receive, send))
        elif scope["type"] == "websocket":
            await self._parts.live(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        for begin in self._parts.startup:
            await begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for end in self._parts.shutdown:
            await end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, exchange: Exchange) -> None:
        began = perf_counter()
        metrics.REQUESTS_IN_FLIGHT.inc()
        self._headers.apply(exchange)
        error: BaseException | None = None
        try:
            with self._parts.tracing.span(exchange) as span:
                try:
                    await self._serve(exchange)
                except ClientDisconnected:
                    exchange.status = exchange.status or 499
                except Exception as caught:
                    error = caught
                    await self._fail(exchange, caught)
                finally:
                    if span is not None:
                        span.update_name(f"{exchange.method} {exchange.route or 'unknown'}")
                        span.set_attribute("http.response.status_code", exchange.status)
                        span.set_attribute("raia.request_id", exchange.request_id)
                    self._account(exchange, perf_counter() - began, error)
        finally:
            metrics.REQUESTS_IN_FLIGHT.dec()

    async def _serve(self, exchange: Exchange) -> None:
        exchange.refuse_repeated_headers()
        scope, method = exchange.scope, exchange.method
        if method == "OPTIONS":
            await self._options(exchange)
            return
        reading = "GET" if method == "HEAD" else method
        page = self._pages.get(scope["path"])
        if page is not None:
            if reading != "GET":
                raise MethodNotAllowed(method, ["GET", "HEAD"])
            exchange.route = scope["path"]
            await page(exchange)
            return
        exchange.common += API_POLICY
        (endpoint, handler), values = self._matcher.match(reading, scope["raw_path"])
        exchange.route = endpoint.binding.template.text
        await handler(exchange, endpoint, values)

    async def _options(self, exchange: Exchange) -> None:
        path = exchange.scope["path"]
        methods = {"GET"} if path in self._pages else self._matcher.methods(exchange.scope["raw_path"])
        if not methods:
            raise RouteNotFound(path)
        offered = sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
        if self._headers.is_preflight(exchange):
            await exchange.respond(204, headers=self._headers.preflight(exchange, offered))
        else:
            await exchange.respond(204, headers=[(b"allow", ", ".join(offered).encode())])

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        if not isinstance(error, grpc.RpcError) and as_raia_error(error).kind is Kind.INTERNAL:
            self._parts.faults.report(error)
        if exchange.started:
            # Too late for a status: the server cuts the connection, so the client sees that the answer is not whole.
            raise error
        told = answer(error, exchange.request_id)
        trailers = error.trailing_metadata() if isinstance(error, grpc.aio.AioRpcError | grpc.Call) else None
        headers = [*told.headers, *trailer_headers(trailers)]
        await exchange.respond(told.http, told.body, headers=headers)

    def _account(self, exchange: Exchange, seconds: float, error: BaseException | None) -> None:
        route = exchange.route or "unknown"
        method = exchange.method if exchange.method in _METHODS else "other"
        key = (route, method, exchange.status)
        histogram = self._histograms.get(key)
        if histogram is None:
            histogram = self._histograms[key] = metrics.REQUEST_SECONDS.labels(route, method, str(exchange.status))
        histogram.observe(seconds)
        level = logging.ERROR if exchange.status >= 500 else logging.INFO
        if _LOG.isEnabledFor(level):
            caller = exchange.caller
            facts = {
                "method": exchange.method,
                "route": route,
                "status": exchange.status,
                "duration_ms": round(seconds * 1000, 3),
                "request_id": exchange.request_id,
                "trace_id": exchange.traceparent[3:35],
                "peer": exchange.client_address,
                "org_id": caller.org_id if caller else None,
                "user_id": caller.user_id if caller else None,
                "error": type(error).__name__ if error else None,
            }
            _LOG.log(level, "request", extra={"facts": {name: value for name, value in facts.items() if value}})
