"""The event of explanations, emitted after the explanation's row is locked."""

from raia.explain.events.v1 import explain_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_explain.explanations.domain import Explanation

TOPIC = "raia.explain.explanation"


def finished(unit: UnitOfWork, explanation: Explanation, status: str) -> None:
    """An explanation ended."""
    subject = explanation.subject
    message = events.ExplanationFinished(
        explanation_id=str(explanation.id),
        kind=subject.kind,
        model_id=str(subject.model_id),
        version=subject.version,
        status=status,
        project_id=str(explanation.project_id or ""),
    )
    unit.emit(message, key=str(explanation.id), topic=TOPIC)
