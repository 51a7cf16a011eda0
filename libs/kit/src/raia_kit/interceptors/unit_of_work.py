"""The innermost stage: gives the handler its transaction, and what must commit with it."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import text

from raia_kit.context import Call
from raia_kit.contract import Access
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import ResourceExhausted
from raia_kit.idempotency import PENDING, Claim, IdempotencyStore, Replay, Running, digest_of, key_of
from raia_kit.interceptors.audit import AuditRecorder
from raia_kit.interceptors.deadline import check_deadline, remaining
from raia_kit.interceptors.requests import CLAIM_SECONDS, RequestStream
from raia_kit.resources import ResourceAuthorizer

_LOG = logging.getLogger(__name__)
MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message, in bytes, that is taken or answered."""
_POLL_SECONDS = (0.05, 0.1, 0.2, 0.5)
_MARGIN_SECONDS = 0.25

Handler = Callable[[Any, Any], Any]
"""A servicer's method: request or iterator of requests, ``grpc.ServicerContext`` → answer or iterator of answers."""


@dataclass(frozen=True)
class Invoker:
    """Calls handlers. ``database`` is None in a process without one, whose rpcs are all detached."""

    database: Database | None
    authorizer: ResourceAuthorizer
    keys: IdempotencyStore
    audit: AuditRecorder

    def unary(self, call: Call, handler: Handler, context: Any) -> bytes:
        """One request, one answer: whole in one transaction unless the contract says ``detached``."""
        if call.method.detached or self.database is None:
            return self._detached(call, handler, context)
        return self._whole(call, handler, context)

    def _whole(self, call: Call, handler: Handler, context: Any) -> bytes:
        key = key_of(call, call.request)
        with self._unit(call) as unit:
            call.unit, call.idempotency_key = unit, key
            try:
                taken = self._take_whole(unit, call, key)
                if isinstance(taken, Replay):
                    return self.keys.replayed(call, taken)
                if call.caller is not None and call.request is not None and unit.org_id is not None:
                    self.authorizer.check(unit, call.caller, call.method, call.request)
                answer = handler(call.request, context)
                data = serialized(call, answer)
                if self.audit.applies(call):
                    self.audit.record(call, unit, answer)
                if taken is not None and call.request is not None:
                    self.keys.complete(unit, taken, digest_of(call.request), answer, call.trailers)
                check_deadline(call)
            finally:
                call.unit = None
        return data

    def _take_whole(self, unit: UnitOfWork, call: Call, key: str | None) -> Claim | Replay | None:
        if key is None or call.request is None:
            return None
        # A call with the same key that has not committed yet is waited for, as long as this call may take.
        wait = text("select set_config('lock_timeout', :wait, true)")
        unit.session.execute(wait, {"wait": f"{max(1, int(remaining(call) * 1000))}ms"})
        taken = self.keys.take(unit, call, key, digest_of(call.request), seconds=remaining(call))
        if isinstance(taken, Running):
            raise self.keys.busy()
        return taken

    def _detached(self, call: Call, handler: Handler, context: Any) -> bytes:
        key = key_of(call, call.request)
        call.idempotency_key = key
        digest = digest_of(call.request) if key and call.request is not None else PENDING
        taken = self._begin(call, key, digest, remaining(call))
        if isinstance(taken, Replay):
            return self.keys.replayed(call, taken)
        with self._claimed(taken), self._final(call) as final:
            answer = handler(call.request, context)
            return self._finish(call, final, answer, taken, digest)

    def request_stream(self, call: Call, handler: Handler, requests: RequestStream, context: Any) -> bytes:
        """A stream of requests, one answer: detached, its key claimed as soon as it is known."""
        try:
            requests.start()
            with self._final(call) as final:
                answer = handler(requests, context)
                return self._finish(call, final, answer, requests.claim, requests.digest())
        except Exception:
            if requests.replay is None:
                self._release(requests.claim)
                raise
        if requests.drained_digest() != requests.replay.digest:
            raise self.keys.reused()
        return self.keys.replayed(call, requests.replay)

    def answer_stream(self, call: Call, handler: Handler, argument: Any, context: Any) -> Iterator[bytes]:
        """A stream of answers: checked in a first short transaction; the handler opens its own.

        Keys do not apply: a stream is not kept.
        """
        self._begin(call, None, PENDING, 0.0)
        with self._final(call) as final:
            with closing(_closable(handler(argument, context))) as answers:
                for answer in answers:
                    check_deadline(call)
                    yield serialized(call, answer)
            if call.method.mutating and self.audit.applies(call):
                self.audit.record(call, final.open(), None)

    def requests_of(self, call: Call, source: Iterator[bytes], message_class: type[Message]) -> RequestStream:
        """The request stream that a handler gets."""
        return RequestStream(
            call,
            source,
            message_class,
            claim=lambda key: self._begin_stream(call, key),
            check=lambda message: self._check(call, message),
            renew=self._renew,
        )

    def _begin_stream(self, call: Call, key: str) -> Claim | Replay:
        taken = self._begin(call, key, PENDING, min(CLAIM_SECONDS, remaining(call)))
        if taken is None:
            raise LookupError("a process without a database keeps no idempotency keys")
        return taken

    def _begin(self, call: Call, key: str | None, digest: bytes, seconds: float) -> Claim | Replay | None:
        """The first short transaction of a detached rpc: claims the key, checks the resource, records the reading."""
        guarded = (
            call.request is not None and call.caller is not None and self.authorizer.owns(call.method.resource_type)
        )
        read = not call.method.mutating and self.audit.applies(call)
        if self.database is None or not (key or guarded or read):
            return None
        for pause in _pauses():
            with self._unit(call) as unit:
                taken = self.keys.take(unit, call, key, digest, seconds=seconds) if key else None
                if isinstance(taken, Replay):
                    return taken
                if not isinstance(taken, Running):
                    if call.caller is not None and call.request is not None and unit.org_id is not None:
                        self.authorizer.check(unit, call.caller, call.method, call.request)
                    if read:
                        self.audit.record(call, unit, None)
                    return taken
            if remaining(call) < pause + _MARGIN_SECONDS or not call.is_active():
                break
            threading.Event().wait(pause)
        raise self.keys.busy()

    def _finish(self, call: Call, final: "Final", answer: Message, claim: Claim | None, digest: bytes) -> bytes:
        """The last transaction of a detached rpc: result, audit entry, answer."""
        data = serialized(call, answer)
        if call.method.mutating and self.audit.applies(call):
            self.audit.record(call, final.open(call.audit_org_id), answer)
        if claim is not None:
            self.keys.complete(final.open(), claim, digest, answer, call.trailers)
        check_deadline(call)
        return data

    def _check(self, call: Call, message: Message) -> None:
        if call.caller is not None and self.authorizer.owns(call.method.resource_type):
            with self._unit(call) as unit:
                self.authorizer.check(unit, call.caller, call.method, message)

    def _renew(self, claim: Claim, seconds: float) -> Claim:
        with self._opened.unit_of_work(claim.org_id) as unit:
            return self.keys.renew(unit, claim, seconds=seconds)

    @contextmanager
    def _claimed(self, claim: Claim | None) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._release(claim)
            raise

    def _release(self, claim: Claim | None) -> None:
        if claim is None:
            return
        try:
            with self._opened.unit_of_work(claim.org_id) as unit:
                self.keys.release(unit, claim)
        except Exception:
            _LOG.warning("a failed call's idempotency key stays claimed until it expires", exc_info=True)

    @contextmanager
    def _final(self, call: Call) -> Iterator["Final"]:
        with Final(call, self.database) as final:
            yield final

    @property
    def _opened(self) -> Database:
        if self.database is None:
            raise LookupError("this process has no database")
        return self.database

    def _unit(self, call: Call) -> AbstractContextManager[UnitOfWork]:
        """The tenant's unit of work; the platform's for a public rpc or a service that acts for nobody."""
        if call.method.access is Access.PUBLIC or call.caller is None or call.caller.org_id is None:
            return self._opened.platform_unit_of_work()
        return self._opened.unit_of_work(call.caller.org_id)


class Final:
    """The last transaction of a detached rpc, opened when its handler or the chain first asks for it."""

    def __init__(self, call: Call, database: Database | None) -> None:
        self._call, self._database = call, database
        self._stack = ExitStack()
        self._unit: UnitOfWork | None = None

    def open(self, org_id: UUID | None = None) -> UnitOfWork:
        """The unit; ``org_id`` for a call without a token."""
        if self._unit is None:
            if self._database is None:
                raise LookupError("this process has no database")
            tenant = self._tenant(org_id)
            self._unit = self._call.unit = self._stack.enter_context(self._database.unit_of_work(tenant))
        return self._unit

    def _tenant(self, named: UUID | None) -> UUID:
        """The caller's organisation; the named one on a public rpc, whose token says nothing, or without a token."""
        caller = self._call.caller
        own = caller.org_id if caller is not None and self._call.method.access is not Access.PUBLIC else None
        tenant = own or named
        if tenant is None:
            raise LookupError("a call without an organisation must name one")
        if named is not None and named != tenant:
            raise LookupError("a call of one organisation must not write in another")
        return tenant

    def __enter__(self) -> "Final":
        self._call.open_final = self.open
        return self

    def __exit__(self, *exception: Any) -> bool:
        self._call.open_final = self._call.unit = None
        return bool(self._stack.__exit__(*exception))


def serialized(call: Call, answer: Any) -> bytes:
    """The answer's bytes; ``TypeError`` when it is not what the contract promises, ``ResourceExhausted`` if too large.

    Made before the commit, so that an answer that cannot be sent changes nothing.
    """
    expected = call.method.descriptor.output_type.full_name
    if not isinstance(answer, Message) or answer.DESCRIPTOR.full_name != expected:
        raise TypeError(f"{call.method.full_name} answered {type(answer).__name__} instead of {expected}")
    data = answer.SerializeToString()
    if len(data) > MESSAGE_BYTES:
        raise ResourceExhausted(
            "the answer is larger than a message may be; ask for less at once",
            reason="ANSWER_TOO_LARGE",
            metadata={"limit_bytes": str(MESSAGE_BYTES), "bytes": str(len(data))},
        )
    return data


def _pauses() -> Iterator[float]:
    yield from _POLL_SECONDS
    while True:
        yield _POLL_SECONDS[-1]


def _closable(answers: Any) -> Any:
    return answers if hasattr(answers, "close") else _generator(answers)


def _generator(answers: Any) -> Iterator[Any]:
    yield from answers
