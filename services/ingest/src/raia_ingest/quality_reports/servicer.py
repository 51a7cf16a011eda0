"""The rpcs of QualityReportService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ingest.v1 import quality_report_pb2, quality_report_service_pb2, quality_report_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.quality_reports.converters import issue_to_proto, to_proto
from raia_ingest.quality_reports.service import QualityReportService

_WAIT_SECONDS = 2.0


class QualityReportServicer(quality_report_service_pb2_grpc.QualityReportServiceServicer):
    """Assess datasets and read the reports."""

    def __init__(self, reports: QualityReportService) -> None:
        self._reports = reports

    def AssessDataset(
        self, request: quality_report_service_pb2.AssessDatasetRequest, _context: grpc.ServicerContext
    ) -> quality_report_pb2.DataQualityReport:
        """Starts an assessment."""
        return to_proto(self._reports.assess(current_unit(), UUID(request.dataset_id), request.version))

    def GetQualityReport(
        self, request: quality_report_service_pb2.GetQualityReportRequest, _context: grpc.ServicerContext
    ) -> quality_report_pb2.DataQualityReport:
        """The newest report of a version, started if there is none."""
        found = self._reports.newest(current_call(), UUID(request.dataset_id), request.version, _seconds(request))
        return to_proto(*found)

    def ListQualityIssues(
        self, request: quality_report_service_pb2.ListQualityIssuesRequest, _context: grpc.ServicerContext
    ) -> quality_report_service_pb2.ListQualityIssuesResponse:
        """A page of issues."""
        report, issues, token = self._reports.issues(
            current_call(), UUID(request.dataset_id), request.version, _seconds(request), request
        )
        return quality_report_service_pb2.ListQualityIssuesResponse(
            report_id=str(report.id),
            version=report.version,
            status=report.status,
            issues=[issue_to_proto(issue) for issue in issues],
            next_page_token=token,
        )

    def ListQualityReports(
        self, request: quality_report_service_pb2.ListQualityReportsRequest, _context: grpc.ServicerContext
    ) -> quality_report_service_pb2.ListQualityReportsResponse:
        """A page of reports."""
        found, token = self._reports.page(current_unit(), current_call().authenticated, request)
        return quality_report_service_pb2.ListQualityReportsResponse(
            reports=[to_proto(report, content=False) for report in found], next_page_token=token
        )

    def GetAssessment(
        self, request: quality_report_service_pb2.GetAssessmentRequest, _context: grpc.ServicerContext
    ) -> quality_report_pb2.DataQualityReport:
        """One report."""
        unit = current_unit()
        report = self._reports.by_id(unit, UUID(request.id))
        return to_proto(report, self._reports.shown_issues(unit, report))

    def WatchAssessment(
        self, request: quality_report_service_pb2.WatchAssessmentRequest, _context: grpc.ServicerContext
    ) -> Iterator[quality_report_pb2.DataQualityReport]:
        """A report each time it changes."""
        for report, issues in self._reports.watch_one(current_call(), UUID(request.id)):
            yield to_proto(report, issues)

    def CancelAssessment(
        self, request: quality_report_service_pb2.CancelAssessmentRequest, _context: grpc.ServicerContext
    ) -> quality_report_pb2.DataQualityReport:
        """Ends an assessment that is not finished."""
        return to_proto(self._reports.cancel_one(current_unit(), UUID(request.id)))


def _seconds(
    request: quality_report_service_pb2.GetQualityReportRequest | quality_report_service_pb2.ListQualityIssuesRequest,
) -> float:
    return request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else _WAIT_SECONDS
