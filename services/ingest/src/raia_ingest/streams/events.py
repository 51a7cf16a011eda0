"""The events of streams; each is emitted after the stream's row is locked."""

from raia.ingest.events.v1 import stream_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.streams.domain import Stream

TOPIC = "raia.ingest.stream"


def started(unit: UnitOfWork, stream: Stream) -> None:
    """A stream was started."""
    message = stream_events_pb2.StreamStarted(
        stream_id=str(stream.id),
        name=stream.name,
        source_type=stream.source_type,
        project_id=str(stream.project_id or ""),
    )
    unit.emit(message, key=str(stream.id), topic=TOPIC)


def stopped(unit: UnitOfWork, stream: Stream) -> None:
    """A stream was stopped, or deleted."""
    message = stream_events_pb2.StreamStopped(
        stream_id=str(stream.id), name=stream.name, project_id=str(stream.project_id or "")
    )
    unit.emit(message, key=str(stream.id), topic=TOPIC)


def failed(unit: UnitOfWork, stream: Stream, error: str) -> None:
    """A stream has stopped by itself."""
    message = stream_events_pb2.StreamFailed(
        stream_id=str(stream.id), name=stream.name, error=error, project_id=str(stream.project_id or "")
    )
    unit.emit(message, key=str(stream.id), topic=TOPIC)


def landed(unit: UnitOfWork, stream: Stream, dataset: Dataset, rows: int) -> None:
    """Records of a stream became a dataset version."""
    message = stream_events_pb2.StreamLanded(
        stream_id=str(stream.id),
        name=stream.name,
        dataset_id=str(dataset.id),
        version=dataset.version.number,
        row_count=rows,
        project_id=str(stream.project_id or ""),
    )
    unit.emit(message, key=str(stream.id), topic=TOPIC)
