import gzip

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from raia_kit.telemetry import server_span, start_tracing, trace_id, version_of, work_span
from raia_kit.tracing import current_traceparent

from .listener import listening

pytestmark = pytest.mark.fast
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_an_endpoint_work_still_has_a_trace_id() -> None:
    assert trace_id() == ""
    with server_span("rpc", {"traceparent": PARENT}) as span:
        assert not span.is_recording()
        assert trace_id() == "0af7651916cd43dd8448eb211c80319c"
        onward = current_traceparent()
        assert onward.startswith("00-0af7651916cd43dd8448eb211c80319c-")
        assert onward != PARENT
        with work_span("job", onward):
            assert trace_id() == "0af7651916cd43dd8448eb211c80319c"
    with server_span("rpc", {"traceparent": "nonsense"}):
        made = trace_id()
        assert len(made) == 32
    with server_span("rpc", {}):
        assert trace_id() not in ("", made)
    assert trace_id() == ""


def test_spans_are_sent_with_the_service_s_name_and_their_parent() -> None:
    with listening() as (port, received):
        stop = start_tracing("sample", f"http://127.0.0.1:{port}")
        with server_span("raia.sample.v1.SampleService/GetThing", {"traceparent": PARENT}) as span:
            span.set_attribute("raia.org_id", "o")
        stop()
        path, body = received[0]
    assert path == "/v1/traces"
    data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    (resource,) = ExportTraceServiceRequest.FromString(data).resource_spans
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "raia-sample"
    (sent,) = resource.scope_spans[0].spans
    assert sent.name == "raia.sample.v1.SampleService/GetThing"
    assert (sent.trace_id.hex(), sent.parent_span_id.hex()) == (PARENT.split("-")[1], PARENT.split("-")[2])


def test_the_version_is_that_of_the_installed_code() -> None:
    assert version_of("no-such-service") == version_of("kit")
