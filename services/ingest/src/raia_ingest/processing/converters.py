"""Routing and results between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import processing_pb2

from raia_ingest.processing.domain import ProcessingResult, Routing


def to_routing(routing: Routing) -> processing_pb2.Routing:
    """The decision as the contract has it."""
    message = processing_pb2.Routing(
        dataset_id=str(routing.dataset_id),
        version=routing.version,
        status=routing.status,
        category=routing.category,
        confidence=routing.confidence,
        scores=dict(routing.scores),
        evidence=[processing_pb2.RoutingEvidence(**each) for each in routing.evidence],
        decided_by=routing.decided_by,
        error=routing.error,
    )
    if routing.decided_at is not None:
        message.decided_at.FromDatetime(routing.decided_at)
    return message


def to_result(result: ProcessingResult, *, figures: bool = True) -> processing_pb2.ProcessingResult:
    """The result as the contract has it; lists leave out the figures, which may be large."""
    message = processing_pb2.ProcessingResult(
        id=str(result.id),
        dataset_id=str(result.dataset_id),
        version=result.version,
        processor=result.processor,
        category=result.category,
        status=result.status,
        progress=result.progress,
        error=result.error,
        headline=result.headline,
        notes=result.notes,
        attempts=result.attempts,
    )
    message.created_at.FromDatetime(result.created_at)
    if result.completed_at is not None:
        message.completed_at.FromDatetime(result.completed_at)
    if result.options:
        ParseDict(dict(result.options), message.options)
    if figures and result.results is not None:
        ParseDict(dict(result.results), message.results)
    return message
