"""Counts and times the call."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from raia_kit.context import Call
from raia_kit.interceptors.stage import Stage
from raia_kit.metrics import RpcMetrics


def metrics(recorder: RpcMetrics) -> Stage:
    """A stage that tells ``recorder`` of every call: method, code and duration."""

    @contextmanager
    def stage(call: Call) -> Iterator[None]:
        started = perf_counter()
        recorder.started(call.method.full_name)
        try:
            yield
        finally:
            recorder.finished(call.method.full_name, call.code, perf_counter() - started)

    return stage
