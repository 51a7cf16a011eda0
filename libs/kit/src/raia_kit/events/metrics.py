"""The metrics of events, by name."""

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_ROWS = Gauge("raia_outbox_rows", "Events that wait to be published", ["service"])
OUTBOX_AGE = Gauge("raia_outbox_age_seconds", "Age of the oldest event that waits to be published", ["service"])
PUBLISHED = Counter("raia_events_published_total", "Events published", ["service"])
PUBLISH_DELAY = Histogram(
    "raia_event_publish_delay_seconds",
    "Seconds from an event's transaction to its publication",
    ["service"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)
RELAY_LEADER = Gauge("raia_relay_leader", "1 where this process publishes its service's events", ["service"])
CONSUMED = Counter(
    "raia_events_consumed_total",
    "Events that consumers are done with: handled, duplicate, skipped or dead",
    ["consumer", "outcome"],
)
CONSUME_FAILURES = Counter("raia_event_failures_total", "Attempts that failed", ["consumer", "transient"])
CONSUMER_DELAY = Gauge(
    "raia_consumer_delay_seconds", "Age of the event handled last when it was handled; 0 at the head", ["consumer"]
)
CONSUMER_PAUSED = Gauge("raia_consumer_paused", "1 while a consumer refuses to set more messages aside", ["consumer"])
