"""Turns whatever a call raises into the status that it is answered with; the one place where faults are reported."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from google.rpc import status_pb2

from raia_kit.context import Call
from raia_kit.interceptors.stage import Refused, Stage
from raia_kit.status import INTERNAL_REASON, as_raia_error, grpc_code, to_status

Report = Callable[[BaseException], object]
"""Told of every fault that is ours: logs it, counts it, sends it to Sentry."""


def errors(service: str, report: Report) -> Stage:
    """A stage that raises ``Refused`` with a status for every exception and sets ``call.code``."""

    @contextmanager
    def stage(call: Call) -> Iterator[None]:
        try:
            yield
        except GeneratorExit:
            call.code, call.error_reason = grpc.StatusCode.CANCELLED.name, "CANCELLED"
            raise
        except Exception as error:
            raise Refused(_status(call, error)) from error

    def _status(call: Call, error: Exception) -> status_pb2.Status:
        raia = as_raia_error(error)
        call.code = str(grpc_code(raia.kind).name)
        call.error_reason = raia.reason
        if call.code == grpc.StatusCode.INTERNAL.name:
            call.error_reason = INTERNAL_REASON
            report(error)
        return to_status(raia, service=service, request_id=call.request_id)

    return stage
