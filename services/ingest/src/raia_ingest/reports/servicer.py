"""The rpcs of ReportService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ingest.v1 import report_pb2, report_service_pb2, report_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.derived.service import Shown
from raia_ingest.reports.converters import to_proto
from raia_ingest.reports.service import ReportService

_WAIT_SECONDS = 2.0


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Reports of dataset versions."""

    def __init__(self, reports: ReportService) -> None:
        self._reports = reports

    def GetDatasetReport(
        self, request: report_service_pb2.GetDatasetReportRequest, _context: grpc.ServicerContext
    ) -> report_pb2.DatasetReport:
        """A report, started if there is none."""
        seconds = request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else _WAIT_SECONDS
        return self._message(self._reports.get(current_call(), UUID(request.dataset_id), request.version, seconds))

    def WatchDatasetReport(
        self, request: report_service_pb2.WatchDatasetReportRequest, _context: grpc.ServicerContext
    ) -> Iterator[report_pb2.DatasetReport]:
        """A report each time it changes."""
        for shown in self._reports.watch(current_call(), UUID(request.dataset_id), request.version):
            yield self._message(shown)

    def CancelDatasetReport(
        self, request: report_service_pb2.CancelDatasetReportRequest, _context: grpc.ServicerContext
    ) -> report_pb2.DatasetReport:
        """Ends a report that is not finished."""
        return self._message(self._reports.cancel(current_unit(), UUID(request.dataset_id), request.version))

    def _message(self, shown: Shown) -> report_pb2.DatasetReport:
        return to_proto(shown, self._reports.readable(current_call(), shown))
