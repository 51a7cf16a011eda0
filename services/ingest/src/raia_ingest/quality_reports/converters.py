"""Data quality reports between the domain and the contract."""

from collections.abc import Sequence

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import quality_report_pb2

from raia_ingest.quality_reports.domain import Issue, Report

_CONTENT = (
    "missing_values", "outliers", "duplicates", "data_types", "recommendations", "score_parts", "row_count",
    "issue_count",
)  # fmt: skip


def to_proto(
    report: Report, issues: Sequence[Issue] = (), *, content: bool = True
) -> quality_report_pb2.DataQualityReport:
    """The report as the contract has it; lists leave out its content."""
    message = quality_report_pb2.DataQualityReport(
        id=str(report.id),
        dataset_id=str(report.dataset_id),
        version=report.version,
        status=report.status,
        progress=report.progress,
        error=report.error,
        quality_score=report.quality_score,
    )
    message.created_at.FromDatetime(report.created_at)
    if report.completed_at is not None:
        message.completed_at.FromDatetime(report.completed_at)
    if content and report.result is not None:
        ParseDict({name: report.result[name] for name in _CONTENT}, message)
        message.quality_issues.extend(issue_to_proto(issue) for issue in issues)
    return message


def issue_to_proto(issue: Issue) -> quality_report_pb2.DataQualityIssue:
    """An issue as the contract has it."""
    message = quality_report_pb2.DataQualityIssue(
        id=str(issue.id),
        kind=issue.kind,
        severity=issue.severity,
        dimension=issue.dimension,
        column=issue.column,
        count=issue.count,
        fraction=issue.fraction,
        message=issue.content["message"],
        recommendation=issue.content["recommendation"],
        rule_id=issue.content["rule_id"],
    )
    for example in issue.content["examples"]:
        ParseDict(example, message.examples.add())
    return message
