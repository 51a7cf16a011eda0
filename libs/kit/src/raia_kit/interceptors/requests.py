"""The request stream of an rpc as its handler sees it: parsed, validated, authorized and, with a key, claimed."""

import time
from collections.abc import Callable, Iterator

import grpc
from google.protobuf.message import DecodeError, Message

from raia_kit.context import Call
from raia_kit.errors import Cancelled, InvalidArgument
from raia_kit.idempotency import Claim, Replay, StreamDigest, key_of
from raia_kit.interceptors.deadline import check_deadline, remaining
from raia_kit.interceptors.validation import validate
from raia_kit.resources import field_value

CLAIM_SECONDS = 60.0
"""How long a claim of a stream holds without a sign of life."""
_RENEW_SECONDS = 20.0


def parse(message_class: type[Message], data: bytes) -> Message:
    """The message; raises ``InvalidArgument`` (MESSAGE_MALFORMED) when the bytes are none of that type."""
    try:
        return message_class.FromString(data)
    except DecodeError as error:
        raise InvalidArgument(
            f"the request is no {message_class.DESCRIPTOR.full_name}", reason="MESSAGE_MALFORMED"
        ) from error


class Replaying(Exception):
    """Ends the handler of a request stream whose key turns out to have been used."""


class RequestStream:
    """Iterates the requests of one call.

    ``claim(key)`` takes the key, waiting as long as it may; ``check(message)`` authorizes the resource that the message
    names; ``renew(claim, seconds)`` keeps a claim alive while messages come.
    """

    def __init__(
        self,
        call: Call,
        source: Iterator[bytes],
        message_class: type[Message],
        *,
        claim: Callable[[str], Claim | Replay],
        check: Callable[[Message], None],
        renew: Callable[[Claim, float], Claim],
    ) -> None:
        self._call, self._source, self._class = call, source, message_class
        self._take, self._check, self._renew = claim, check, renew
        self._digest = StreamDigest()
        self._may_have_key = call.method.mutating and call.caller is not None
        self._authorized = not call.method.resource_field
        self._renewed = time.monotonic()
        self.claim: Claim | None = None
        self.replay: Replay | None = None

    def start(self) -> None:
        """Takes the key if the metadata carries one; raises ``Replaying`` when it was used."""
        self._note_key(None)

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        check_deadline(self._call)
        try:
            message = self._next()
        except StopIteration:
            self._keep(remaining(self._call))
            raise
        if not self._authorized and field_value(message, self._call.method.resource_field):
            self._check(message)
            self._authorized = True
            self._call.audit_resource_id = field_value(message, self._call.method.resource_field)
        if time.monotonic() - self._renewed > _RENEW_SECONDS:
            self._keep(CLAIM_SECONDS)
        return message

    def _next(self) -> Message:
        try:
            data = next(self._source)
        except grpc.RpcError as error:
            raise Cancelled("the client went away", reason="CANCELLED") from error
        message = parse(self._class, data)
        validate(message)
        if self.claim is not None or self._may_have_key:
            whole = self._digest.add(message)
            if self.claim is None and whole:
                self._note_key(message)
                self._may_have_key = self.claim is not None
        return message

    def _note_key(self, message: Message | None) -> None:
        key = key_of(self._call, message)
        if key is None:
            return
        self._call.idempotency_key = key
        taken = self._take(key)
        if isinstance(taken, Replay):
            self.replay = taken
            raise Replaying
        self.claim, self._renewed = taken, time.monotonic()

    def _keep(self, seconds: float) -> None:
        if self.claim is not None:
            self.claim = self._renew(self.claim, max(seconds, 1.0))
            self._renewed = time.monotonic()

    def digest(self) -> bytes:
        """The digest of everything read so far."""
        return self._digest.digest()

    def drained_digest(self) -> bytes:
        """Reads what is left of the stream and returns the digest of it all."""
        self.claim = None
        self._may_have_key = False
        for data in self._source:
            check_deadline(self._call)
            self._digest.add(parse(self._class, data))
        return self._digest.digest()
