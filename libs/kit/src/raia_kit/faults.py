"""Errors that are ours: grouped by fingerprint, logged, counted, and sent to Sentry when the settings name it."""

import hashlib
import logging
import threading
import time
import traceback
from collections import OrderedDict
from dataclasses import dataclass, field

from raia_kit.context import current_call_or_none
from raia_kit.metrics import FAULTS

_LOG = logging.getLogger(__name__)
_QUIET_SECONDS = 60.0
_LARGEST = 500


def fingerprint(error: BaseException) -> str:
    """Twelve hexadecimal digits, the same for the same fault: its types and the functions it passed.

    Line numbers and texts are left out, so that a release or an id in a message does not split a group.
    """
    digest = hashlib.sha256()
    seen: BaseException | None = error
    passed: set[int] = set()
    while seen is not None and id(seen) not in passed:
        passed.add(id(seen))  # an error may be its own cause
        digest.update(f"{type(seen).__module__}.{type(seen).__qualname__}".encode())
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            digest.update(f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_name}".encode())
        seen = seen.__cause__
    return digest.hexdigest()[:12]


@dataclass
class FaultGroup:
    """Faults with one fingerprint."""

    fingerprint: str
    type: str
    count: int = 0
    first_seen: float = field(default_factory=time.time)
    last_seen: float = 0.0
    logged: float = 0.0


class Faults:
    """The faults of one process; safe to share between threads."""

    def __init__(self, service: str, sentry_dsn: str = "", release: str = "") -> None:
        self._service = service
        self._groups: OrderedDict[str, FaultGroup] = OrderedDict()
        self._lock = threading.Lock()
        self._sentry = bool(sentry_dsn)
        if sentry_dsn:
            import sentry_sdk

            sentry_sdk.init(
                dsn=sentry_dsn,
                release=f"raia-{service}@{release}",
                server_name=service,
                default_integrations=False,
                auto_enabling_integrations=False,
                data_collection={
                    "user_info": False,
                    "http_bodies": [],
                    "database_query_data": False,
                    "stack_frame_variables": False,
                },
            )

    def report(self, error: BaseException) -> str:
        """Notes one fault and returns its fingerprint; a group's stack is logged once a minute."""
        print_ = fingerprint(error)
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        now = time.time()
        with self._lock:
            group = self._groups.setdefault(print_, FaultGroup(print_, name))
            group.count += 1
            group.last_seen = now
            loud = now - group.logged > _QUIET_SECONDS
            if loud:
                group.logged = now
            self._groups.move_to_end(print_)
            while len(self._groups) > _LARGEST:
                self._groups.popitem(last=False)
        FAULTS.labels(self._service, name, print_).inc()
        facts = {"fingerprint": print_, "count": group.count}
        _LOG.error("fault", exc_info=error if loud else None, extra={"facts": facts})
        if self._sentry:
            self._send(error, print_)
        return print_

    def groups(self) -> list[FaultGroup]:
        """The groups seen of late, the latest last."""
        with self._lock:
            return list(self._groups.values())

    def close(self) -> None:
        """Sends what waits to be sent."""
        if self._sentry:
            import sentry_sdk

            sentry_sdk.get_client().close(timeout=2.0)

    def _send(self, error: BaseException, print_: str) -> None:
        import sentry_sdk

        call = current_call_or_none()
        with sentry_sdk.new_scope() as scope:
            scope.fingerprint = [self._service, print_]
            scope.set_tag("service", self._service)
            if call is not None:
                scope.set_tag("request_id", call.request_id)
                scope.set_tag("method", call.method.full_name)
                if call.caller is not None:
                    scope.set_tag("org_id", str(call.caller.org_id))
            scope.capture_exception(error)
