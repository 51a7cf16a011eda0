import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from raia_kit.metrics import RpcMetrics, Window

pytestmark = pytest.mark.fast


@given(st.lists(st.floats(1e-4, 100), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 1.0]))
def test_quantiles_are_within_five_per_cent(durations: list[float], share: float) -> None:
    window = Window()
    for duration in durations:
        window.add(duration, now=1000.0)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    assert window.quantiles(share, now=1000.0)[0] == pytest.approx(exact, rel=0.051)


def test_what_is_older_than_five_minutes_is_forgotten() -> None:
    window = Window()
    window.add(1.0, now=1000.0)
    assert window.quantiles(0.5, now=1000.0 + 9 * 30)[0] > 0
    window.add(0.001, now=1290.0)
    assert window.quantiles(1.0, now=1310.0)[0] < 0.01
    assert window.quantiles(0.5, now=5000.0) == (0.0,)
    assert Window().quantiles(0.5, 0.95) == (0.0, 0.0)


def test_calls_are_exposed_by_method_and_code() -> None:
    metrics = RpcMetrics("metrics-test")
    labels = {"service": "metrics-test", "method": "/a/B", "code": "OK"}
    metrics.started("/a/B")
    assert REGISTRY.get_sample_value("raia_rpc_in_flight", {"service": "metrics-test"}) == 1
    metrics.finished("/a/B", "OK", 0.003)
    metrics.started("/a/B")
    metrics.finished("/a/B", "INTERNAL", 0.003)
    assert REGISTRY.get_sample_value("raia_rpc_seconds_count", labels) == 1
    assert REGISTRY.get_sample_value("raia_rpc_in_flight", {"service": "metrics-test"}) == 0
    figures = metrics.figures()
    assert (figures.calls, figures.internal_errors) == (2, 1)
    assert figures.p50 == pytest.approx(0.003, rel=0.06)
