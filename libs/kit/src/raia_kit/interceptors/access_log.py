"""Writes one line a call."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from raia_kit.context import Call

_LOG = logging.getLogger("raia.access")
_OURS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})


@contextmanager
def access_log(call: Call) -> Iterator[None]:
    """Logs method, code, reason, duration and peer when the call ends; who called is added by the log's formatter."""
    started = perf_counter()
    try:
        yield
    finally:
        level = logging.ERROR if call.code in _OURS else logging.INFO
        if _LOG.isEnabledFor(level):
            facts = {
                "code": call.code,
                "duration_ms": round((perf_counter() - started) * 1000, 3),
                "peer": call.client_address,
            }
            if call.error_reason:
                facts["reason"] = call.error_reason
            _LOG.log(level, "rpc", extra={"facts": facts})
