"""The gateway's settings."""

from typing import ClassVar

from pydantic import Field
from raia_kit.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """What the gateway reads from the environment beside what every process does."""

    service: ClassVar[str] = "gateway"

    http_host: str = "127.0.0.1"
    """Address that REST and WebSockets are served on."""
    http_port: int = 8080
    """Port of REST and WebSockets; 0 takes a free one and logs it."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API, as JSON: ["https://console.example.com"]; ["*"] allows every one."""
    trusted_proxies: str = ""
    """Addresses or networks, comma separated, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    strict_transport: bool = False
    """Whether answers tell browsers to use HTTPS alone; set it when TLS ends before the gateway."""
    body_limit: int = Field(default=4 * 1024**2, ge=1024, le=4 * 1024**2)
    """Bytes of a JSON body, decompressed."""
    upload_limit: int = Field(default=10 * 1024**3, ge=1024)
    """Bytes of an uploaded file; a contract may allow fewer."""
    shutdown_seconds: int = Field(default=10, ge=0)
    """Seconds that running requests get to end when the gateway stops."""

    live_ring: int = Field(default=20_000, ge=100)
    """Events kept in memory for WebSockets that come back; older ones are read from the log."""
    live_queue: int = Field(default=1000, ge=10)
    """Messages that may wait for one WebSocket before it is closed as too slow."""
    live_queue_bytes: int = Field(default=4 * 1024**2, ge=64 * 1024)
    """Bytes that may wait for one WebSocket before it is closed as too slow."""
    live_heartbeat: float = Field(default=20.0, gt=0)
    """Seconds between two heartbeats on an otherwise silent WebSocket."""
    live_connections: int = Field(default=10_000, ge=1)
    """WebSockets that one gateway process accepts."""
    live_connections_per_user: int = Field(default=50, ge=1)
    """WebSockets that one user may hold on one gateway process."""
