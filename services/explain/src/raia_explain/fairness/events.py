"""The event of fairness reports, emitted after the report's row is locked."""

from raia.explain.events.v1 import explain_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_explain.fairness.domain import FairnessReport

TOPIC = "raia.explain.fairness_report"


def analyzed(unit: UnitOfWork, report: FairnessReport, status: str, *, bias_detected: bool = False) -> None:
    """A fairness analysis ended."""
    message = events.FairnessAnalyzed(
        report_id=str(report.id),
        model_id=str(report.model_id),
        version=report.version,
        status=status,
        bias_detected=bias_detected,
        project_id=str(report.project_id or ""),
    )
    unit.emit(message, key=str(report.id), topic=TOPIC)
