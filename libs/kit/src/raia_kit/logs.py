"""Log lines as JSON on standard error, each with the request, trace and tenant that it belongs to."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from raia_kit.context import current_call_or_none
from raia_kit.faults import fingerprint
from raia_kit.telemetry import trace_id

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_QUIET = ("kafka", "procrastinate", "urllib3", "opentelemetry", "grpc", "alembic", "asyncio")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, message, ids of the call at hand, ``facts``, the exception."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line; values that JSON lacks are written as text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        call = current_call_or_none()
        if call is not None:
            line["method"] = call.method.full_name
            line["request_id"] = call.request_id
            if call.correlation_id != call.request_id:
                line["correlation_id"] = call.correlation_id
            if call.caller is not None:
                line["org_id"] = call.caller.org_id
                line["user_id"] = call.caller.user_id
                if call.caller.service:
                    line["caller_service"] = call.caller.service
        trace = trace_id()
        if trace:
            line["trace_id"] = trace
        line.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = {
                "type": f"{type(error).__module__}.{type(error).__qualname__}",
                "fingerprint": fingerprint(error),
                "stack": self.formatException(record.exc_info),
            }
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def start_logging(service: str, level: str, stream: TextIO | None = None) -> None:
    """Makes the root logger write JSON lines of ``level`` and above to ``stream``, standard error by default.

    Libraries write warnings and errors alone, unless the level is ``debug``.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)
