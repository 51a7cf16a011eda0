"""The metrics of what the kit does for every process, by name; those of events are in ``raia_kit.events.metrics``."""

import math
import threading
import time
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

RPC_SECONDS = Histogram(
    "raia_rpc_seconds",
    "Duration of rpcs served, streams to their last message",
    ["service", "method", "code"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
RPC_IN_FLIGHT = Gauge("raia_rpc_in_flight", "Rpcs being served", ["service"])
RPC_STREAMS = Gauge("raia_rpc_streams", "Threads held by streaming rpcs", ["service"])
FAULTS = Counter("raia_faults_total", "Errors that are ours, by group", ["service", "type", "fingerprint"])
AUDIT_FAILURES = Counter(
    "raia_audit_failures_total", "Audit entries of refused or failed calls that could not be written", ["service"]
)
IDEMPOTENCY = Counter(
    "raia_idempotency_total",
    "Calls with an idempotency key: fresh, replayed, reused, busy, takeover",
    ["service", "outcome"],
)
POOL_IN_USE = Gauge("raia_database_connections_in_use", "Connections taken from the pool", ["service"])
POOL_SIZE = Gauge("raia_database_connections", "Connections that the pool may hold", ["service"])
ACCESS_AGE = Gauge(
    "raia_access_age_seconds", "How far roles, grants and revocations in memory may be behind", ["service"]
)
PART_HEALTHY = Gauge("raia_part_healthy", "1 while a part of the service runs as it should", ["service", "part"])


@dataclass(frozen=True)
class Figures:
    """What a process has answered since it started, and how fast over the last five minutes (seconds)."""

    calls: int
    internal_errors: int
    p50: float
    p95: float


class RpcMetrics:
    """Counts and times the rpcs of one service; safe to share between threads."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._histograms: dict[tuple[str, str], Histogram] = {}
        self._in_flight = RPC_IN_FLIGHT.labels(service)
        self._window = Window()
        self._lock = threading.Lock()
        self._calls = self._internal = 0

    def started(self, _method: str) -> None:
        """A call has come in."""
        self._in_flight.inc()

    def finished(self, method: str, code: str, seconds: float) -> None:
        """A call was answered with a gRPC code after this long."""
        self._in_flight.dec()
        histogram = self._histograms.get((method, code))
        if histogram is None:
            histogram = self._histograms[method, code] = RPC_SECONDS.labels(self.service, method, code)
        histogram.observe(seconds)
        with self._lock:
            self._calls += 1
            self._internal += code == "INTERNAL"
            self._window.add(seconds)

    def figures(self) -> Figures:
        """The counts so far and the latency of late."""
        with self._lock:
            p50, p95 = self._window.quantiles(0.5, 0.95)
            return Figures(self._calls, self._internal, p50, p95)


class Window:
    """Durations of the last five minutes in logarithmic buckets: quantiles within 5 %, in constant memory."""

    SLOTS, SLOT_SECONDS = 10, 30.0
    _FLOOR, _RATIO, _BUCKETS = 1e-5, math.log(1.1), 180

    def __init__(self) -> None:
        self._slots = [[0] * self._BUCKETS for _ in range(self.SLOTS)]
        self._slot = -1

    def add(self, seconds: float, now: float | None = None) -> None:
        """Counts one duration; ``now`` is a ``time.monotonic()`` value."""
        index = int(math.log(max(seconds, self._FLOOR) / self._FLOOR) / self._RATIO)
        self._current(now)[min(index, self._BUCKETS - 1)] += 1

    def quantiles(self, *wanted: float, now: float | None = None) -> tuple[float, ...]:
        """The durations (seconds) below which these shares of the calls stayed; 0 when there were none."""
        self._current(now)
        counts = [sum(slot[i] for slot in self._slots) for i in range(self._BUCKETS)]
        total = sum(counts)
        if not total:
            return tuple(0.0 for _ in wanted)
        return tuple(self._quantile(counts, share * total) for share in wanted)

    def _quantile(self, counts: list[int], rank: float) -> float:
        seen = 0
        for index, count in enumerate(counts):
            seen += count
            if seen >= rank and count:
                return self._FLOOR * math.exp((index + 0.5) * self._RATIO)
        return 0.0

    def _current(self, now: float | None) -> list[int]:
        slot = int((time.monotonic() if now is None else now) / self.SLOT_SECONDS)
        if slot != self._slot:
            for passed in range(max(self._slot + 1, slot - self.SLOTS + 1), slot + 1):
                self._slots[passed % self.SLOTS] = [0] * self._BUCKETS
            self._slot = slot
        return self._slots[slot % self.SLOTS]
