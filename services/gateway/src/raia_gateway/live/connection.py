"""One WebSocket: its subscriptions, what it may see, its replay, its end."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from raia_kit.context import Caller
from raia_kit.errors import InvalidArgument, RaiaError, Unauthenticated
from raia_kit.events import cursor
from raia_kit.events.envelope import TopicPartition

from raia_gateway import metrics
from raia_gateway.admission import Admission
from raia_gateway.live.hub import Hub
from raia_gateway.live.messages import MOST_TOPICS, Request, error_message, event_message, message
from raia_gateway.live.outbox import Outbox, TooSlow
from raia_gateway.live.ring import Entry
from raia_gateway.live.topics import OWN, TopicPermissions

TOKEN_ENDED, TOO_SLOW = 4401, 4408
_READ = 200


@dataclass(frozen=True)
class LiveLimits:
    """What one connection and one process may hold."""

    queue: int = 1000
    queue_bytes: int = 4 * 1024**2
    heartbeat: float = 20.0
    connections: int = 10_000
    connections_per_user: int = 50
    replays: int = 8
    """Replays from the log at once in one process; others wait."""


class Connection:
    """Lives on the event loop; ``outbox`` holds what its sender sends."""

    def __init__(
        self, caller: Caller, hub: Hub, admission: Admission, topics: TopicPermissions, limits: LiveLimits
    ) -> None:
        """The caller's token must be one of an organisation."""
        if caller.org_id is None:
            raise Unauthenticated("this needs a token of an organisation", reason="TOKEN_WITHOUT_ORGANISATION")
        self.caller = caller
        self.org_id: UUID = caller.org_id
        self.outbox = Outbox(limits.queue, limits.queue_bytes)
        self.close_code, self.close_reason = 1000, ""
        self.ending = asyncio.Event()
        """Set when the gateway ends the connection."""
        self._hub, self._admission, self._topics = hub, admission, topics
        self._batch = max(1, limits.queue // 4)
        self._permissions: dict[str, str] = {}
        self._live: frozenset[str] = frozenset()
        self._replaying: dict[TopicPartition, int] = {}
        self._replays: dict[frozenset[str], asyncio.Task[None]] = {}

    async def handle(self, request: Request, replay_slots: asyncio.Semaphore) -> None:
        """Does what a client's message asks; raises ``RaiaError``."""
        if request.op == "ping":
            self.send(message("pong", request.id))
        elif request.op == "renew":
            await self._renew(request)
        elif request.op == "unsubscribe":
            self._unsubscribe(request)
        else:
            await self._subscribe(request, replay_slots)

    def send(self, data: bytes, at: str = "") -> None:
        """Queues a message; ends the connection when its client is too slow."""
        try:
            self.outbox.put(data, at)
        except TooSlow:
            self.end(TOO_SLOW, "SLOW_CONSUMER")

    def end(self, code: int, reason: str) -> None:
        """Ends the connection with a last message that says why and from which cursor to go on."""
        if self.ending.is_set():
            return
        self.close_code, self.close_reason = code, reason
        metrics.LIVE_CLOSED.labels(reason).inc()
        if code == TOO_SLOW:
            at = self.outbox.last_cursor or self.cursor()
            self.outbox.end_with(message("closing", reason=reason, cursor=at))
        else:
            try:
                self.outbox.put(message("closing", reason=reason, cursor=self.cursor()))
                self.outbox.close()
            except TooSlow:
                at = self.outbox.last_cursor or self.cursor()
                self.outbox.end_with(message("closing", reason=reason, cursor=at))
        self.ending.set()

    def deliver(self, entry: Entry) -> None:
        """Takes an event from the hub; topics that are being replayed come to it by the ring."""
        if entry.event.topic in self._live:
            self._offer(entry)

    def heartbeat(self) -> None:
        """Tells the client that all is well and how far it has come; ends a session that was revoked."""
        if not self._admission.still_valid(self.caller):
            self.end(TOKEN_ENDED, "SESSION_ENDED")
            return
        self.send(message("heartbeat", cursor=self.cursor(), time=time.time()))

    def cursor(self) -> str:
        """How far everything has come that waits or was sent."""
        if not self._replaying:
            return self._hub.cursor(self._live)
        return cursor.encode({**self._hub.positions(self._live), **self._replaying})

    def close(self) -> None:
        """Leaves the hub and ends replays."""
        for task in self._replays.values():
            task.cancel()
        for topic in self._permissions:
            self._hub.remove(topic, self.org_id, self)
        self.outbox.close()

    async def _renew(self, request: Request) -> None:
        caller = await self._admission.authenticator.verify(request.token)
        if (caller.user_id, caller.org_id, caller.service) != (
            self.caller.user_id,
            self.caller.org_id,
            self.caller.service,
        ):
            raise Unauthenticated("the token is another caller's", reason="TOKEN_INVALID")
        if not self._admission.still_valid(caller):
            raise Unauthenticated("the session has ended; sign in again", reason="SESSION_ENDED")
        self.caller = caller
        self.send(message("renewed", request.id, expires_at=caller.expires_at))

    async def _subscribe(self, request: Request, replay_slots: asyncio.Semaphore) -> None:
        permissions = {topic: self._topics.permission(topic) for topic in request.topics}
        for permission in set(permissions.values()) - {OWN}:
            await asyncio.to_thread(self._admission.authorize, self.caller, permission)
        if len(self._permissions.keys() | permissions.keys()) > MOST_TOPICS:
            raise InvalidArgument.of_field("topics", f"a connection may subscribe to {MOST_TOPICS} topics")
        fresh = frozenset(permissions.keys() - self._permissions.keys())
        if request.cursor:
            if fresh != permissions.keys():
                raise InvalidArgument.of_field("topics", "unsubscribe before you resume a topic from a cursor")
            after = await self._resume(request.cursor, fresh)
        self._permissions |= permissions
        for topic in fresh:
            self._hub.add(topic, self.org_id, self)
        if not request.cursor:
            self._live |= fresh
        else:
            self._replaying |= after
        self.send(message("subscribed", request.id, topics=sorted(permissions), cursor=self.cursor()))
        if request.cursor:
            task = asyncio.ensure_future(self._replay(fresh, replay_slots))
            self._replays[fresh] = task

    async def _resume(self, text: str, topics: frozenset[str]) -> dict[TopicPartition, int]:
        """The positions to go on from; raises ``OutOfRange`` (CURSOR_EXPIRED) or ``InvalidArgument``."""
        given = {place: position for place, position in cursor.decode(text).items() if place.topic in topics}
        await asyncio.to_thread(cursor.check, self._hub.log, given)
        known = {place.topic for place in given}
        # A topic that the cursor does not know begins now; a partition of one that it knows is newer than the cursor.
        now = self._hub.positions(topics - known)
        places = [place for topic in known for place in self._hub.ring.places(topic)]
        return {**now, **dict.fromkeys(places, 0), **given}

    def _unsubscribe(self, request: Request) -> None:
        topics = frozenset(topic for topic in request.topics if isinstance(topic, str))
        for names, task in list(self._replays.items()):
            if names & topics:
                if names - topics:
                    raise InvalidArgument.of_field("topics", "are being replayed with others; wait until they are done")
                task.cancel()
                del self._replays[names]
        for topic in topics & self._permissions.keys():
            self._hub.remove(topic, self.org_id, self)
            del self._permissions[topic]
        self._live -= topics
        self._replaying = {place: at for place, at in self._replaying.items() if place.topic not in topics}
        self.send(message("unsubscribed", request.id, topics=sorted(topics), cursor=self.cursor()))

    async def _replay(self, topics: frozenset[str], slots: asyncio.Semaphore) -> None:
        """Sends what the topics held since the cursor, then goes over to live without a gap."""
        try:
            async with slots:
                seen: set[UUID] = set()
                while not self.outbox.closed:
                    behind = self._behind(topics)
                    entries = await self._read(behind) if behind is not None else list(self._from_ring(topics))
                    if behind is None and not entries:
                        # Nothing was awaited since the ring was asked, so nothing came in between.
                        self._go_live(topics)
                        return
                    for entry in entries:
                        # A replay waits for its client: only what happens now can make a client too slow.
                        await self.outbox.wait_half_empty()
                        self._replaying[entry.event.place] = entry.event.position
                        if entry.event.id not in seen:
                            seen.add(entry.event.id)
                            self._offer(entry)
        except RaiaError as error:
            self.send(error_message(error, "", ""))
            self.end(1011, error.reason)

    def _behind(self, topics: frozenset[str]) -> TopicPartition | None:
        """A partition whose next event is no longer in memory."""
        ring = self._hub.ring
        for place, position in self._replaying.items():
            if place.topic in topics and position < ring.reaches(place):
                return place
        return None

    async def _read(self, place: TopicPartition) -> list[Entry]:
        """The next events from the log, up to what the hub has handed out: what is newer comes by the ring."""
        after = self._replaying[place]
        events = await asyncio.to_thread(self._hub.log.read, place.topic, place.partition, after, _READ)
        head = self._hub.ring.heads.get(place, 0)
        found = [Entry(event) for event in events if event.position <= head]
        if not found:
            self._replaying[place] = max(after, self._hub.ring.reaches(place))
        return found

    def _from_ring(self, topics: frozenset[str]) -> Iterable[Entry]:
        return islice(self._hub.ring.after(topics, self._replaying), self._batch)

    def _go_live(self, topics: frozenset[str]) -> None:
        self._live |= topics
        self._replaying = {place: at for place, at in self._replaying.items() if place.topic not in topics}
        self._replays.pop(topics, None)

    def _offer(self, entry: Entry) -> None:
        """Queues an event if the caller may read what it is about."""
        if entry.org_id != self.org_id or not self._may_see(entry):
            return
        at = self.cursor()
        self.send(event_message(entry.encoded, at), at)
        metrics.LIVE_MESSAGES.inc()

    def _may_see(self, entry: Entry) -> bool:
        event = entry.event
        permission = self._permissions[event.topic]
        if permission == OWN:
            return event.key == str(self.caller.user_id) and self._admission.still_valid(self.caller)
        kind = event.topic.rpartition(".")[2]
        return self._admission.may_see(self.caller, permission, kind, event.key, entry.project_id)
