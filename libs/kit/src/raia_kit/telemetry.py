"""Traces: spans of calls, jobs and events, sent by OTLP/HTTP when the settings name an endpoint.

Without an endpoint nothing is recorded, but every piece of work still carries a trace id, the caller's if it has one,
so that log lines and events of one request can be found together.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata as distribution
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from raia_kit.metadata import TRACEPARENT

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_PROPAGATOR = TraceContextTextMapPropagator()


class _Tracing:
    """The process's tracer; None while spans are not recorded."""

    tracer: Tracer | None = None
    provider: "TracerProvider | None" = None


def version_of(service: str) -> str:
    """The installed version of a service's code, ``raia-<service>``; the kit's when it is no distribution."""
    for name in (f"raia-{service}", "raia-kit"):
        try:
            return distribution.version(name)
        except distribution.PackageNotFoundError:
            continue
    return "0"


def start_tracing(service: str, endpoint: str) -> Callable[[], None]:
    """Sends spans to the OTLP/HTTP ``endpoint`` in batches; returns what flushes and ends that.

    An empty endpoint sends nothing. A path is added (``/v1/traces``) when the endpoint has none.
    """
    if not endpoint:
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    target = endpoint if endpoint.rstrip("/").endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
    resource = Resource.create({"service.name": f"raia-{service}", "service.version": version_of(service)})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=target, timeout=5)))
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("raia_kit")

    def stop() -> None:
        _Tracing.tracer = _Tracing.provider = None
        provider.shutdown()

    return stop


@contextmanager
def server_span(name: str, metadata: Mapping[str, str]) -> Iterator[Span]:
    """The span of an rpc that is served, a child of the span that the metadata's ``traceparent`` names."""
    with _span(name, metadata.get(TRACEPARENT, ""), SpanKind.SERVER) as span:
        yield span


@contextmanager
def work_span(name: str, traceparent: str = "", *, kind: SpanKind = SpanKind.CONSUMER) -> Iterator[Span]:
    """The span of a job or of an event's handling, a child of the work that caused it."""
    with _span(name, traceparent, kind) as span:
        yield span


def trace_id() -> str:
    """The trace id of the work at hand in hexadecimal; empty outside of a trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


@contextmanager
def _span(name: str, traceparent: str, kind: SpanKind) -> Iterator[Span]:
    parent = _PROPAGATOR.extract({TRACEPARENT: traceparent}) if traceparent else None
    if _Tracing.tracer is not None:
        span = _Tracing.tracer.start_span(name, context=parent, kind=kind)
    else:
        span = _unrecorded(trace.get_current_span(parent).get_span_context())
    token = otel_context.attach(trace.set_span_in_context(span, parent))
    try:
        yield span
    finally:
        otel_context.detach(token)
        span.end()


def _unrecorded(parent: SpanContext) -> NonRecordingSpan:
    trace_id = parent.trace_id if parent.is_valid else random.getrandbits(128) or 1
    flags = parent.trace_flags if parent.is_valid else TraceFlags(TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64) or 1, False, flags))
