"""Bounds the call's time: by what the caller allows and by what the contract does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.context import Call
from raia_kit.errors import DeadlineExceeded


@contextmanager
def deadline(call: Call) -> Iterator[None]:
    """Sets ``call.deadline`` to the earlier of both and refuses a call that waited past it for a thread."""
    own = time.monotonic() + call.method.timeout
    call.deadline = own if call.deadline is None else min(call.deadline, own)
    check_deadline(call)
    yield


def check_deadline(call: Call) -> None:
    """Raises ``DeadlineExceeded`` once the call's time is over; asked before every commit and streamed message."""
    if call.deadline is not None and time.monotonic() >= call.deadline:
        raise DeadlineExceeded("the call took longer than it may", reason="DEADLINE_EXCEEDED")


def remaining(call: Call) -> float:
    """Seconds until the deadline, at least 0."""
    if call.deadline is None:
        return call.method.timeout
    return max(0.0, call.deadline - time.monotonic())
