"""Trace context: continued when it is well-formed, begun when it is not, recorded when there is a place for it."""

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from raia_gateway.application import Parts
from raia_gateway.tracing import Tracing, continued
from raia_kit.telemetry import _Tracing

from .conftest import start_gateway

pytestmark = pytest.mark.fast
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "given", ["", "nonsense", f"01-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01"]
)
def test_malformed_context_begins_a_new_trace(given: str) -> None:
    made = continued(given).split("-")
    assert made[1] != TRACE
    assert (len(made[1]), len(made[2]), made[3]) == (32, 16, "00")
    assert continued(given) != continued(given)


def test_well_formed_context_is_continued() -> None:
    made = continued(f"00-{TRACE}-b7ad6b7169203331-01").split("-")
    assert (made[1], made[3]) == (TRACE, "01")
    assert made[2] != "b7ad6b7169203331"


def test_spans_are_recorded_when_there_is_a_place_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_Tracing, "tracer", provider.get_tracer("test"))

    def recording(parts: Parts) -> None:
        parts.tracing = Tracing(recording=True)

    gateway = start_gateway(recording)
    try:
        with gateway.client() as client:
            answer: httpx.Response = client.get(
                "/api/v1/echo", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "x-request-id": "r-1"}
            )
    finally:
        gateway.stop()
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /api/v1/echo"
    context = span.get_span_context()
    assert context is not None
    assert f"{context.trace_id:032x}" == TRACE
    assert dict(span.attributes or {}) == {"http.response.status_code": 200, "raia.request_id": "r-1"}
    passed_on = answer.json()["metadata"]["traceparent"].split("-")
    assert passed_on[1:3] == [TRACE, f"{context.span_id:016x}"]
