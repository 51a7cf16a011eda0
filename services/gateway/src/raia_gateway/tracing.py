"""The trace of a request: a span when spans are sent somewhere, otherwise the trace's ids alone.

Without a place to send spans to, making one costs a tenth of a small request; the ids that tie log lines, calls and
events of a request together cost nothing worth counting.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span
from raia_kit.metadata import TRACEPARENT
from raia_kit.telemetry import server_span
from raia_kit.tracing import current_traceparent

from raia_gateway.exchange import Exchange

_TRACEPARENT = re.compile(r"00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z", re.ASCII)


def continued(given: str) -> str:
    """The trace context for what follows: the given trace, or a new one, with a new parent id."""
    match = _TRACEPARENT.match(given)
    trace, flags = (match[1], match[2]) if match is not None else (os.urandom(16).hex(), "00")
    return f"00-{trace}-{os.urandom(8).hex()}-{flags}"


class Tracing:
    """Sets ``exchange.traceparent`` for as long as a request is served."""

    def __init__(self, *, recording: bool) -> None:
        self._recording = recording

    @contextmanager
    def span(self, exchange: Exchange) -> Iterator[Span | None]:
        """The request's span, None when none is recorded."""
        given = exchange.header(b"traceparent")
        if not self._recording:
            exchange.traceparent = continued(given)
            yield None
            return
        with server_span(exchange.method, {TRACEPARENT: given}) as span:
            exchange.traceparent = current_traceparent()
            yield span
