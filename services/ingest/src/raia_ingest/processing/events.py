"""The events of routing and processing; each is emitted after the dataset's row is locked."""

from raia.ingest.events.v1 import processing_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.processing.domain import ProcessingResult


def routed(unit: UnitOfWork, dataset: Dataset, version: int, category: str, confidence: float) -> None:
    """A version was routed."""
    message = processing_events_pb2.DatasetRouted(
        dataset_id=str(dataset.id),
        version=version,
        name=dataset.name,
        category=category,
        confidence=confidence,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def processed(unit: UnitOfWork, dataset: Dataset, result: ProcessingResult, *, status: str, headline: str = "") -> None:
    """A processor has ended its work on a version."""
    message = processing_events_pb2.DatasetProcessed(
        dataset_id=str(dataset.id),
        version=result.version,
        name=dataset.name,
        processing_result_id=str(result.id),
        processor=result.processor,
        status=status,
        headline=headline,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
