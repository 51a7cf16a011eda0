"""The events of comparisons; each is emitted after the dataset's row is locked."""

from uuid import UUID

from raia.ingest.events.v1 import life_cycle_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.version_diffs.domain import Subject


def compared(unit: UnitOfWork, dataset: Dataset, subject: Subject, diff_id: UUID, status: str) -> None:
    """A comparison has ended."""
    message = life_cycle_events_pb2.VersionsCompared(
        dataset_id=str(dataset.id),
        version=subject.version,
        base_version=subject.base_version,
        diff_id=str(diff_id),
        status=status,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
