"""The events of validations and gates; each is emitted after the dataset's row is locked."""

from raia.ingest.events.v1 import quality_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.quality_validations.domain import Validation


def validated(
    unit: UnitOfWork, dataset: Dataset, validation: Validation, status: str, *, passed: bool = False, failing: int = 0
) -> None:
    """A validation has ended."""
    message = events.DatasetValidated(
        dataset_id=str(dataset.id),
        version=validation.version,
        name=dataset.name,
        validation_id=str(validation.id),
        status=status,
        passed=passed,
        failing_row_count=failing,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def quarantined(unit: UnitOfWork, dataset: Dataset, version: int, reason: str) -> None:
    """A version was put into quarantine."""
    message = events.DatasetQuarantined(
        dataset_id=str(dataset.id),
        version=version,
        name=dataset.name,
        reason=reason,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)


def released(unit: UnitOfWork, dataset: Dataset, version: int, reason: str) -> None:
    """A version may be read."""
    message = events.DatasetReleased(
        dataset_id=str(dataset.id),
        version=version,
        name=dataset.name,
        reason=reason,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
