"""Opens the call's span, as a child of the caller's."""

from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.context import Call
from raia_kit.telemetry import server_span


@contextmanager
def tracing(call: Call) -> Iterator[None]:
    """Holds a span named after the rpc for as long as the call lasts."""
    with server_span(call.method.full_name[1:], call.metadata) as span:
        try:
            yield
        finally:
            if span.is_recording():
                span.set_attribute("rpc.system.name", "grpc")
                span.set_attribute("rpc.method", call.method.full_name[1:])
                span.set_attribute("rpc.response.status_code", call.code)
                span.set_attribute("raia.request_id", call.request_id)
                if call.caller is not None and call.caller.org_id is not None:
                    span.set_attribute("raia.org_id", str(call.caller.org_id))
                if call.error_reason:
                    span.set_attribute("error.type", call.error_reason)
