"""The rpcs of FairnessService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.explain.v1 import fairness_report_pb2, fairness_service_pb2, fairness_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_explain.fairness.converters import definitions_from, favourable_from, to_proto
from raia_explain.fairness.service import FairnessService


class FairnessServicer(fairness_service_pb2_grpc.FairnessServiceServicer):
    """Fairness reports of model versions."""

    def __init__(self, reports: FairnessService) -> None:
        self._reports = reports

    def AnalyzeFairness(
        self, request: fairness_service_pb2.AnalyzeFairnessRequest, _context: grpc.ServicerContext
    ) -> fairness_report_pb2.FairnessReport:
        """Starts a report."""
        report = self._reports.analyze(
            current_call(),
            model_id=UUID(request.model_id),
            version=request.version,
            definitions=definitions_from(request.protected_attributes),
            favourable=favourable_from(request.favourable_outcome),
        )
        return to_proto(report)

    def ListFairnessReports(
        self, request: fairness_service_pb2.ListFairnessReportsRequest, _context: grpc.ServicerContext
    ) -> fairness_service_pb2.ListFairnessReportsResponse:
        """A page of reports."""
        found, token = self._reports.page(current_call(), UUID(request.model_id), request)
        return fairness_service_pb2.ListFairnessReportsResponse(
            reports=[to_proto(report) for report in found], next_page_token=token
        )

    def GetFairnessReport(
        self, request: fairness_service_pb2.GetFairnessReportRequest, _context: grpc.ServicerContext
    ) -> fairness_report_pb2.FairnessReport:
        """One report."""
        return to_proto(self._reports.get(current_unit(), UUID(request.model_id), UUID(request.id)))

    def WatchFairnessReport(
        self, request: fairness_service_pb2.WatchFairnessReportRequest, _context: grpc.ServicerContext
    ) -> Iterator[fairness_report_pb2.FairnessReport]:
        """A report each time it changes."""
        for report in self._reports.watch(current_call(), UUID(request.model_id), UUID(request.id)):
            yield to_proto(report)

    def CancelFairnessReport(
        self, request: fairness_service_pb2.CancelFairnessReportRequest, _context: grpc.ServicerContext
    ) -> fairness_report_pb2.FairnessReport:
        """Ends a report that is not finished."""
        return to_proto(self._reports.cancel(current_unit(), UUID(request.model_id), UUID(request.id)))
