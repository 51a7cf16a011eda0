"""``python -m raia_gateway``: serves REST, OpenAPI and WebSockets until it is told to stop."""

import argparse
import asyncio
import http.client
import signal
import sys

import uvicorn
import uvloop
from prometheus_client import start_http_server
from raia_kit.logs import start_logging
from raia_kit.telemetry import start_tracing

from raia_gateway.bootstrap import build
from raia_gateway.protocol import GatewayHttp
from raia_gateway.settings import GatewaySettings

_LARGEST_LIVE_MESSAGE = 64 * 1024


def serve(settings: GatewaySettings) -> int:
    """Serves until SIGTERM or SIGINT; running requests get ``shutdown_seconds`` to end."""
    start_logging("gateway", settings.log_level)
    stop_tracing = start_tracing("gateway", settings.otlp_endpoint)
    exporter, _ = start_http_server(settings.metrics_port, addr=settings.http_host)
    # The server raises the signals that stopped it once more when it has ended, for whoever handled them before: here
    # nobody must, or the process would die before it has closed anything.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    finally:
        exporter.shutdown()
        exporter.server_close()
        stop_tracing()
    return 0


async def _serve(settings: GatewaySettings) -> None:
    """Builds and serves in one loop: the channels to the services belong to the loop they are made in."""
    gateway = build(settings)
    config = uvicorn.Config(
        gateway.application,
        host=settings.http_host,
        port=settings.http_port,
        http=GatewayHttp,
        ws="websockets-sansio",
        ws_max_size=_LARGEST_LIVE_MESSAGE,
        # Events are small: compressing each for each connection costs more than it saves.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        backlog=2048,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await asyncio.to_thread(gateway.close)


def health(settings: GatewaySettings) -> int:
    """0 when the gateway that these settings describe answers; for probes that run a command."""
    connection = http.client.HTTPConnection(settings.http_host, settings.http_port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="raia_gateway", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "health"], default="serve")
    command = parser.parse_args().command
    return {"serve": serve, "health": health}[command](GatewaySettings())


if __name__ == "__main__":
    sys.exit(main())
