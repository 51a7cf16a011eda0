"""The first step of authorization, from memory: may this caller do such a thing at all?"""

from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.context import Call, Caller
from raia_kit.contract import Access
from raia_kit.errors import PermissionDenied, Unavailable
from raia_kit.interceptors.stage import Stage
from raia_kit.resources import AccessDecisions


def authorization(access: AccessDecisions, *, max_age: float) -> Stage:
    """A stage that refuses who holds the rpc's permission nowhere, or whose token's scope leaves it out.

    Answers UNAVAILABLE when what is known of roles, grants and sessions is more than ``max_age`` seconds behind. The
    second step, about the one resource, is ``raia_kit.resources.ResourceAuthorizer``, in the unit of work.
    """

    @contextmanager
    def stage(call: Call) -> Iterator[None]:
        method = call.method
        if method.access is not Access.PUBLIC:
            caller = call.authenticated
            if caller.user_id is not None and access.age() > max_age:
                raise Unavailable(
                    "permissions cannot be checked right now; try again", reason="ACCESS_STALE", retry_after=1.0
                )
            if method.access is Access.ROUTED:
                _require(caller, method.permission)
            elif method.access is Access.SELF:
                _themself(call)
        yield

    def _require(caller: Caller, permission: str) -> None:
        if caller.scope is not None and permission not in caller.scope:
            raise _missing(permission, "the token's scope does not include it", "SCOPE_INSUFFICIENT")
        if not access.holds(caller, permission):
            raise _missing(permission, "ask an administrator of the organisation for it", "PERMISSION_MISSING")

    return stage


def _themself(call: Call) -> None:
    if call.method.mutating and (call.authenticated.scope is not None or not call.user_id):
        raise PermissionDenied(
            "a token that is limited in scope cannot change the account it belongs to", reason="SCOPE_INSUFFICIENT"
        )


def _missing(permission: str, advice: str, reason: str) -> PermissionDenied:
    return PermissionDenied(f"{permission} is needed: {advice}", reason=reason, metadata={"permission": permission})
