"""Refuses a caller who calls too often."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from raia_kit.context import Call
from raia_kit.contract import Access
from raia_kit.interceptors.stage import Stage
from raia_kit.rate_limit import Rate, RateLimiter, enforce


def rate_limit(limiter: RateLimiter, rates: Mapping[int, Rate]) -> Stage:
    """A stage that takes one call from the bucket of the caller and the rpc's rate class.

    Without a token the bucket is the client address's. Internal rpcs are not limited: the rpc of the user behind them
    was.
    """

    @contextmanager
    def stage(call: Call) -> Iterator[None]:
        rate = rates.get(call.method.rate_class)
        if rate is not None and call.method.access is not Access.INTERNAL:
            enforce(limiter, f"{call.method.rate_class}:{_who(call)}", rate)
        yield

    return stage


def _who(call: Call) -> str:
    caller = call.caller
    if caller is None or call.method.access is Access.PUBLIC:
        return f"address:{call.client_address}"
    if caller.user_id is not None:
        return f"user:{caller.org_id}:{caller.user_id}"
    return f"service:{caller.service}"
