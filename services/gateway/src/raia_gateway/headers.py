"""What every answer carries: security headers, the request id, and CORS for origins that the settings name."""

import os
import re
from collections.abc import Sequence

from raia_gateway.asgi import Header
from raia_gateway.exchange import Exchange

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}\Z")
_SECURITY: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
API_POLICY: list[Header] = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"private, no-cache"),
]
"""For answers of rpcs, which no browser should render or keep unasked."""
_EXPOSED = b"etag, location, content-disposition, content-range, raia-audit-id, retry-after, x-request-id"
_ALLOWED = (
    b"accept, authorization, content-type, idempotency-key, if-match, if-none-match, if-range, last-event-id, range, "
    b"request-timeout, traceparent, tracestate, x-correlation-id, x-request-id"
)


class CommonHeaders:
    """Fills ``exchange.common`` and ``exchange.request_id`` before anything else happens."""

    def __init__(self, origins: Sequence[str], *, strict_transport: bool) -> None:
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)
        self._fixed = list(_SECURITY)
        if strict_transport:
            self._fixed.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
        self._varies: list[Header] = [(b"vary", b"origin")] if self._origins and b"*" not in self._origins else []

    def apply(self, exchange: Exchange) -> None:
        """Takes the client's request id if it is well-formed, makes one otherwise."""
        given = exchange.headers.get(b"x-request-id", b"")
        identity = given if _REQUEST_ID.match(given) else os.urandom(16).hex().encode()
        exchange.request_id = identity.decode("ascii")
        exchange.common = [*self._fixed, (b"x-request-id", identity)]
        origin = exchange.headers.get(b"origin")
        if self._origins and origin is not None:
            exchange.common += self._varies
            if self._allows(origin):
                allowed = b"*" if b"*" in self._origins else origin
                exchange.common += [
                    (b"access-control-allow-origin", allowed),
                    (b"access-control-expose-headers", _EXPOSED),
                ]

    def is_preflight(self, exchange: Exchange) -> bool:
        """Whether a browser asks what another origin's page may do."""
        return (
            exchange.method == "OPTIONS"
            and b"origin" in exchange.headers
            and b"access-control-request-method" in exchange.headers
        )

    def preflight(self, exchange: Exchange, methods: Sequence[str]) -> list[Header]:
        """The answer to a preflight, nothing for an origin that is not allowed."""
        if not self._origins or not self._allows(exchange.headers[b"origin"]):
            return []
        return [
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", b"600"),
        ]

    def _allows(self, origin: bytes) -> bool:
        return b"*" in self._origins or origin in self._origins
