"""Finds out who calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from raia_kit.context import Call, Caller
from raia_kit.contract import Access
from raia_kit.errors import PermissionDenied, Unauthenticated
from raia_kit.interceptors.stage import Stage
from raia_kit.metadata import AUTHORIZATION


class Verifier(Protocol):
    """What authentication asks of ``raia_kit.identity.TokenVerifier``."""

    def verify(self, token: str) -> Caller:
        """The caller that the token proves; raises ``Unauthenticated``, or ``Unavailable`` while keys are away."""
        ...


class Sessions(Protocol):
    """What authentication asks of ``raia_kit.access.AccessIndex``."""

    def revoked(self, caller: Caller) -> bool:
        """Whether the session that the token belongs to has ended."""
        ...


def authentication(verifier: Verifier, sessions: Sessions) -> Stage:
    """A stage that sets ``call.caller``.

    A public rpc may be called without a token, and with one that does not hold as if there were none. An internal rpc
    takes the token of a service that its contract lists, and no other.
    """

    @contextmanager
    def stage(call: Call) -> Iterator[None]:
        access = call.method.access
        if access is Access.PUBLIC:
            if AUTHORIZATION in call.metadata:
                try:
                    call.caller = _verified(call)
                except Unauthenticated:
                    call.caller = None
        else:
            call.caller = _verified(call)
            if access is Access.INTERNAL and call.caller.service not in call.method.internal_services:
                raise PermissionDenied(
                    "this call is for other services of the platform alone",
                    reason="SERVICE_NOT_ALLOWED",
                    metadata={"service": call.caller.service or ""},
                )
        yield

    def _verified(call: Call) -> Caller:
        caller = verifier.verify(_bearer(call))
        if sessions.revoked(caller):
            raise Unauthenticated("the session has ended; sign in again", reason="SESSION_ENDED")
        return caller

    return stage


def _bearer(call: Call) -> str:
    header = call.metadata.get(AUTHORIZATION)
    if not header:
        raise Unauthenticated("this call needs a token", reason="TOKEN_MISSING")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the authorization must read: Bearer <token>", reason="TOKEN_INVALID")
    return token.strip()
