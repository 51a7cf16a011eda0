"""The events of datasets; each is emitted after the dataset's row is locked."""

from uuid import UUID

from raia.ingest.events.v1 import dataset_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset, ReadOutcome, Upload

TOPIC = "raia.ingest.dataset"


def uploaded(unit: UnitOfWork, dataset_id: UUID, version: int, upload: Upload) -> None:
    """A file was stored and became a version."""
    message = events.DatasetUploaded(
        dataset_id=str(dataset_id),
        version=version,
        name=upload.name,
        file_size=upload.file_size,
        project_id=str(upload.project_id or ""),
    )
    unit.emit(message, key=str(dataset_id), topic=TOPIC)


def ready(unit: UnitOfWork, dataset: Dataset, version: int, outcome: ReadOutcome) -> None:
    """A version was read in full."""
    message = events.DatasetReady(
        dataset_id=str(dataset.id),
        version=version,
        name=dataset.name,
        row_count=outcome.row_count,
        column_count=outcome.column_count,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def failed(unit: UnitOfWork, dataset: Dataset, version: int, error: str) -> None:
    """A version could not be read."""
    message = events.DatasetFailed(
        dataset_id=str(dataset.id),
        version=version,
        name=dataset.name,
        error=error,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def deleted(unit: UnitOfWork, dataset: Dataset) -> None:
    """A dataset was deleted."""
    message = events.DatasetDeleted(
        dataset_id=str(dataset.id), name=dataset.name, project_id=str(dataset.project_id or "")
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def profiled(unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
    """A version's profile has ended."""
    message = events.DatasetProfiled(
        dataset_id=str(dataset.id), version=version, status=status, project_id=str(dataset.project_id or "")
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
