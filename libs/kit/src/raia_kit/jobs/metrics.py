"""The metrics of jobs and of their computing, by name."""

from prometheus_client import Counter, Gauge, Histogram

ENDED = Counter(
    "raia_jobs_total",
    "Attempts of jobs by how they ended: succeeded, failed, cancelled, retried, put_back, taken_over",
    ["service", "kind", "outcome"],
)
SECONDS = Histogram(
    "raia_job_seconds",
    "Duration of attempts of jobs",
    ["service", "kind"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
)
RUNNING = Gauge("raia_jobs_running", "Jobs that this process runs", ["service"])
STALLED = Counter("raia_jobs_stalled_total", "Jobs taken from workers whose heartbeat stopped", ["service"])
