"""The gateway's metrics, all of them, by name."""

from prometheus_client import Counter, Gauge, Histogram

REQUEST_SECONDS = Histogram(
    "raia_gateway_request_seconds",
    "Duration of REST requests by route and status, streams to their last byte",
    ["route", "method", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
REQUESTS_IN_FLIGHT = Gauge("raia_gateway_requests_in_flight", "REST requests being answered")
UPLOADED_BYTES = Counter("raia_gateway_uploaded_bytes_total", "Bytes of files passed on to services")
DOWNLOADED_BYTES = Counter("raia_gateway_downloaded_bytes_total", "Bytes of files passed on to clients")
LIVE_CONNECTIONS = Gauge("raia_gateway_live_connections", "Open WebSocket connections")
LIVE_MESSAGES = Counter("raia_gateway_live_messages_total", "Events sent to WebSocket connections")
LIVE_CLOSED = Counter("raia_gateway_live_closed_total", "WebSocket connections closed by the gateway", ["reason"])
LIVE_LAG = Gauge("raia_gateway_live_lag_seconds", "Seconds since the gateway was known to be at the head of the log")

Counted = Counter | Gauge
"""A metric with one value."""
