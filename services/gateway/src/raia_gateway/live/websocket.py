"""``/ws/real-time`` over ASGI: who may connect, and the tasks that serve a connection."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from uuid import UUID, uuid4

import orjson
from raia_kit.context import Caller
from raia_kit.errors import RaiaError, ResourceExhausted, Unauthenticated
from raia_kit.faults import Faults
from raia_kit.rate_limit import InProcessRateLimiter, Rate, enforce

from raia_gateway import metrics
from raia_gateway.admission import Admission, bearer_token
from raia_gateway.asgi import Receive, Scope, Send
from raia_gateway.errors import RouteNotFound, UpgradeRequired, answer
from raia_gateway.exchange import Exchange
from raia_gateway.live.connection import TOKEN_ENDED, Connection, LiveLimits
from raia_gateway.live.hub import Hub
from raia_gateway.live.messages import error_message, read_request
from raia_gateway.live.topics import TopicPermissions

PATH = "/ws/real-time"
PROTOCOL = "raia.v1"
_TOKEN_PROTOCOL = "bearer."  # noqa: S105 - a prefix, no secret
_RATE = Rate(capacity=100, per_second=20)
_LAST_SECONDS = 10.0


class LiveSocket:
    """Serves every WebSocket of the process.

    A token comes in the Authorization header or, from browsers, as subprotocol ``bearer.<token>`` beside ``raia.v1``;
    never in the URL, which logs keep.
    """

    def __init__(
        self, hub: Hub, admission: Admission, topics: TopicPermissions, limits: LiveLimits, faults: Faults
    ) -> None:
        self._hub, self._admission, self._topics = hub, admission, topics
        self._limits, self._faults = limits, faults
        self._limiter = InProcessRateLimiter()
        self._users: Counter[UUID | str | None] = Counter()
        self._replay_slots = asyncio.Semaphore(limits.replays)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one handshake and, if it is accepted, the connection."""
        await receive()
        try:
            if scope["path"] != PATH:
                raise RouteNotFound(scope["path"])
            caller = await self._caller(scope)
            connection = Connection(caller, self._hub, self._admission, self._topics, self._limits)
            self._take_place(caller)
        except RaiaError as error:
            await _refuse(scope, send, error)
            return
        try:
            offered = scope.get("subprotocols") or []
            chosen = PROTOCOL if PROTOCOL in offered else None
            await send({"type": "websocket.accept", "subprotocol": chosen})
            await self._run(connection, receive, send)
        finally:
            connection.close()
            self._users[_key(caller)] -= 1
            if not self._users[_key(caller)]:
                del self._users[_key(caller)]
            metrics.LIVE_CONNECTIONS.dec()

    async def plain(self, exchange: Exchange) -> None:
        """Answers a request that does not ask for a WebSocket, or whose proxy took the question away."""
        await self._caller(exchange.scope)
        raise UpgradeRequired

    async def _caller(self, scope: Scope) -> Caller:
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").decode("latin-1")
        if not given:
            tokens = [name for name in scope.get("subprotocols") or [] if name.startswith(_TOKEN_PROTOCOL)]
            given = f"Bearer {tokens[0].removeprefix(_TOKEN_PROTOCOL)}" if tokens else ""
        caller = await self._admission.authenticator.verify(bearer_token(given))
        if not self._admission.still_valid(caller):
            raise Unauthenticated("the session has ended; sign in again", reason="SESSION_ENDED")
        return caller

    def _take_place(self, caller: Caller) -> None:
        for count, limit in (
            (self._users.total(), self._limits.connections),
            (self._users[_key(caller)], self._limits.connections_per_user),
        ):
            if count >= limit:
                raise ResourceExhausted(
                    f"{limit} connections are open already; close one or try again later",
                    reason="TOO_MANY_CONNECTIONS",
                    metadata={"limit": str(limit)},
                    retry_after=5.0,
                )
        self._users[_key(caller)] += 1
        metrics.LIVE_CONNECTIONS.inc()

    async def _run(self, connection: Connection, receive: Receive, send: Send) -> None:
        tasks = [
            asyncio.ensure_future(self._read(connection, receive)),
            asyncio.ensure_future(self._write(connection, send)),
            asyncio.ensure_future(self._tick(connection)),
        ]
        reader, writer, _ = tasks
        ended = asyncio.ensure_future(connection.ending.wait())
        try:
            await asyncio.wait({reader, writer, ended}, return_when=asyncio.FIRST_COMPLETED)
            if connection.ending.is_set() and not reader.done():
                # A slow client gets a little time to take the last messages.
                await asyncio.wait({reader, writer}, timeout=_LAST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, ended):
                task.cancel()
            await asyncio.gather(*tasks, ended, return_exceptions=True)
        for task in (reader, writer):
            if not task.cancelled() and task.exception() is not None:
                self._faults.report(task.exception() or RuntimeError())

    async def _read(self, connection: Connection, receive: Receive) -> None:
        identity = uuid4().hex
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            data = event.get("bytes") or (event.get("text") or "").encode()
            request_id = ""
            try:
                enforce(self._limiter, identity, _RATE)
                request = read_request(data)
                request_id = request.id
                await connection.handle(request, self._replay_slots)
            except Exception as error:
                if not isinstance(error, RaiaError):
                    self._faults.report(error)
                connection.send(error_message(error, request_id, identity))

    async def _write(self, connection: Connection, send: Send) -> None:
        # The server raises when the client has gone; then there is nobody left to tell.
        with suppress(OSError):
            while (data := await connection.outbox.next()) is not None:
                await send({"type": "websocket.send", "text": data.decode()})
            await send({"type": "websocket.close", "code": connection.close_code, "reason": connection.close_reason})

    async def _tick(self, connection: Connection) -> None:
        """Heartbeats, the token's end, and a limit on how long an ended connection may take to go."""
        while not connection.ending.is_set():
            left = connection.caller.expires_at - time.time()
            if left <= 0:
                connection.end(TOKEN_ENDED, "TOKEN_EXPIRED")
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._limits.heartbeat)):
                    await connection.ending.wait()
            if not connection.ending.is_set() and connection.caller.expires_at > time.time():
                connection.heartbeat()


async def _refuse(scope: Scope, send: Send, error: RaiaError) -> None:
    """Answers the handshake by an HTTP status instead of opening the WebSocket."""
    told = answer(error, uuid4().hex)
    headers = [(b"content-type", b"application/json"), *told.headers]
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": told.http, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": orjson.dumps(told.document)})
    else:
        await send({"type": "websocket.close", "code": 4000 + told.http})


def _key(caller: Caller) -> UUID | str | None:
    return caller.user_id or caller.service
