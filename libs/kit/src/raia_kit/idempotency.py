"""Calls repeated with a key are done once: keys are claimed, answers kept for 24 h and replayed.

A key is unique per organisation, caller and rpc, and belongs to one request: the digest of the request, without the key
and without secrets (``debug_redact``), is stored with it. Answers are stored without secrets too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update

from raia_kit.context import Call
from raia_kit.contract import Access
from raia_kit.database import UnitOfWork
from raia_kit.errors import Aborted, InvalidArgument
from raia_kit.metadata import IDEMPOTENCY_KEY, REPLAYED, REQUEST_ID
from raia_kit.metrics import IDEMPOTENCY
from raia_kit.tables import idempotency_key as table

KEY_FIELD = "request_id"
"""The request field that carries a key; the metadata entry ``idempotency-key`` comes before it."""
PENDING = b""
"""The digest of a request stream that has not ended."""
_LONGEST_KEY = 255

_CLAIM = text(
    """
    insert into idempotency_key as k (org_id, caller, rpc, key, request_digest, status, claimed_until)
    values (:org_id, :caller, :rpc, :key, :digest, 'running', clock_timestamp() + :seconds * interval '1 second')
    on conflict (org_id, caller, rpc, key) do update
    set request_digest = excluded.request_digest, status = 'running', claimed_until = excluded.claimed_until,
        answer = null, trailers = null, created_at = now()
    where k.created_at < now() - interval '24 hours'
       or (k.status = 'running' and k.claimed_until < clock_timestamp()
           and (k.request_digest = excluded.request_digest or k.request_digest = '' or excluded.request_digest = ''))
    returning claimed_until, (xmax <> 0) as taken_over
    """
)


@dataclass(frozen=True)
class Claim:
    """A key that this call holds; ``claimed_until`` is also the token that tells it from whoever takes it over."""

    org_id: UUID
    caller: str
    rpc: str
    key: str
    claimed_until: datetime


@dataclass(frozen=True)
class Replay:
    """What an earlier call with the key was answered."""

    digest: bytes
    answer: bytes
    trailers: Mapping[str, str]


@dataclass(frozen=True)
class Running:
    """Another call with the key is under way."""


class IdempotencyStore:
    """The keys of one service; every method works in the unit of work that it is given."""

    def __init__(self, service: str) -> None:
        self._service = service

    def take(
        self, unit: UnitOfWork, call: Call, key: str, digest: bytes, *, seconds: float
    ) -> Claim | Replay | Running:
        """Claims the key for ``seconds``, or says what stands in the way.

        Waits while a transaction that claims the same key is open. Raises ``InvalidArgument``
        (IDEMPOTENCY_KEY_REUSED) when the key came with another request before. Pass ``PENDING`` for a request stream
        and compare the digest of a ``Replay`` once it has ended.
        """
        claim = Claim(unit.tenant, str(call.actor), call.method.full_name, key, datetime.min)
        values = {"org_id": claim.org_id, "caller": claim.caller, "rpc": claim.rpc, "key": key, "digest": digest}
        while True:
            won = unit.session.execute(_CLAIM, values | {"seconds": seconds}).first()
            if won is not None:
                self._count("takeover" if won.taken_over else "fresh")
                return Claim(claim.org_id, claim.caller, claim.rpc, key, won.claimed_until)
            row = unit.session.execute(select(table).where(*_is(claim))).first()
            if row is None:
                continue  # released in between
            if PENDING not in (row.request_digest, digest) and row.request_digest != digest:
                raise self.reused()
            if row.status == "running":
                return Running()
            return Replay(row.request_digest, row.answer or b"", row.trailers or {})

    def complete(
        self, unit: UnitOfWork, claim: Claim, digest: bytes, answer: Message, trailers: Mapping[str, str]
    ) -> None:
        """Stores the answer, without its secrets, in the transaction of the write.

        Raises ``Aborted`` (IDEMPOTENCY_CLAIM_LOST) when the claim expired and another call took the key over.
        """
        kept = {name: value for name, value in trailers.items() if name not in (REQUEST_ID, REPLAYED)}
        done = unit.session.execute(
            update(table)
            .where(*_is(claim), table.c.status == "running", table.c.claimed_until == claim.claimed_until)
            .values(
                status="done",
                request_digest=digest,
                answer=without_secrets(answer).SerializeToString(deterministic=True),
                trailers=kept,
            )
        )
        if done.rowcount != 1:  # type: ignore[attr-defined]
            raise Aborted(
                "another call with the same key took over; nothing was written", reason="IDEMPOTENCY_CLAIM_LOST"
            )

    def renew(self, unit: UnitOfWork, claim: Claim, *, seconds: float) -> Claim:
        """Holds a claim for ``seconds`` from now; raises ``Aborted`` (IDEMPOTENCY_CLAIM_LOST) when it was lost."""
        until = unit.session.execute(
            update(table)
            .where(*_is(claim), table.c.status == "running", table.c.claimed_until == claim.claimed_until)
            .values(claimed_until=func.clock_timestamp() + bindparam("s", seconds) * text("interval '1 second'"))
            .returning(table.c.claimed_until)
        ).scalar()
        if until is None:
            raise Aborted("another call with the same key took over", reason="IDEMPOTENCY_CLAIM_LOST")
        return Claim(claim.org_id, claim.caller, claim.rpc, claim.key, until)

    def release(self, unit: UnitOfWork, claim: Claim) -> None:
        """Gives up the claim of a call that failed, so that the next one with the key is done anew."""
        unit.session.execute(
            delete(table).where(*_is(claim), table.c.status == "running", table.c.claimed_until == claim.claimed_until)
        )

    def replayed(self, call: Call, replay: Replay) -> bytes:
        """The stored answer; the call's trailers become those of the first call, marked as replayed."""
        self._count("replayed")
        call.trailers.update(replay.trailers)
        call.trailers[REPLAYED] = "true"
        return replay.answer

    def reused(self) -> InvalidArgument:
        """The error of a key that came with another request before."""
        self._count("reused")
        return InvalidArgument(
            "the idempotency key was used for another request; choose a new one", reason="IDEMPOTENCY_KEY_REUSED"
        )

    def busy(self) -> Aborted:
        """The error of a call that waited in vain for another one with its key."""
        self._count("busy")
        return Aborted(
            "a call with the same idempotency key is still running; repeat this one later",
            reason="IDEMPOTENCY_KEY_RUNNING",
            retry_after=1.0,
        )

    def _count(self, outcome: str) -> None:
        IDEMPOTENCY.labels(self._service, outcome).inc()


def key_of(call: Call, message: Message | None) -> str | None:
    """The key of a mutating call of an organisation: from the metadata, else from ``request_id`` in the request.

    Raises ``InvalidArgument`` (IDEMPOTENCY_KEY_INVALID) for one of more than 255 characters. ``message`` may be one of
    a stream: a ``request_id`` in a message that it holds counts too.
    """
    anonymous = call.method.access is Access.PUBLIC or call.caller is None or call.caller.org_id is None
    if anonymous or not call.method.mutating:
        return None
    key = call.metadata.get(IDEMPOTENCY_KEY, "") or (_key_in(message) if message is not None else "")
    if len(key) > _LONGEST_KEY:
        raise InvalidArgument(
            f"an idempotency key has at most {_LONGEST_KEY} characters", reason="IDEMPOTENCY_KEY_INVALID"
        )
    return key or None


def digest_of(request: Message) -> bytes:
    """SHA-256 of the request without its key and without secrets."""
    return sha256(_plain(request)).digest()


def without_secrets(message: Message) -> Message:
    """The message itself, or, if a field of it is marked ``debug_redact``, a copy with those cleared."""
    if not has_secrets(message.DESCRIPTOR):
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    _clear_secrets(copy)
    return copy


@cache
def has_secrets(descriptor: Descriptor) -> bool:
    """Whether a message of this type may hold a field marked ``debug_redact``."""
    seen, waiting = set(), [descriptor]
    while waiting:
        one = waiting.pop()
        if one.full_name in seen:
            continue
        seen.add(one.full_name)
        for field in one.fields:
            if field.GetOptions().debug_redact:
                return True
            if field.message_type is not None:
                waiting.append(field.message_type)
    return False


def _clear_secrets(message: Message) -> None:
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            message.ClearField(field.name)
        elif field.message_type is not None and has_secrets(field.message_type):
            for part in _messages(field, value):
                _clear_secrets(part)


def _messages(field: FieldDescriptor, value: object) -> list[Message]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return [part for part in value.values() if isinstance(part, Message)]  # type: ignore[attr-defined]
    return list(value) if field.is_repeated else [value]  # type: ignore[call-overload, list-item]


def _plain(request: Message) -> bytes:
    copy = type(request)()
    copy.CopyFrom(without_secrets(request))
    for holder in [copy, *_parts(copy)]:
        if KEY_FIELD in holder.DESCRIPTOR.fields_by_name:
            holder.ClearField(KEY_FIELD)
    return copy.SerializeToString(deterministic=True)


def _key_in(message: Message) -> str:
    for holder in [message, *_parts(message)]:
        if KEY_FIELD in holder.DESCRIPTOR.fields_by_name:
            return str(getattr(holder, KEY_FIELD))
    return ""


def _parts(message: Message) -> list[Message]:
    """The messages that a message of a stream carries as its part (``oneof {metadata, chunk, finish}``)."""
    return [
        value
        for field, value in message.ListFields()
        if field.containing_oneof is not None and isinstance(value, Message)
    ]


def _is(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.org_id == claim.org_id,
        table.c.caller == claim.caller,
        table.c.rpc == claim.rpc,
        table.c.key == claim.key,
    )


class StreamDigest:
    """The digest of a request stream: its bytes however they were cut, and its other messages in order."""

    def __init__(self) -> None:
        self._bytes, self._messages = sha256(), sha256()

    def add(self, message: Message) -> bool:
        """Adds a message; says whether it was one that could carry a key, that is, no bytes."""
        for _field, value in message.ListFields():
            if isinstance(value, bytes):
                self._bytes.update(value)
                return False
        data = _plain(message)
        self._messages.update(len(data).to_bytes(8, "big") + data)
        return True

    def digest(self) -> bytes:
        """The digest of all that was added."""
        return sha256(self._bytes.digest() + self._messages.digest()).digest()
