"""The events of reports; each is emitted after the dataset's row is locked."""

from raia.ingest.events.v1 import report_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC


def reported(unit: UnitOfWork, dataset: Dataset, version: int, status: str) -> None:
    """A version's report has ended."""
    message = report_events_pb2.DatasetReported(
        dataset_id=str(dataset.id), version=version, status=status, project_id=str(dataset.project_id or "")
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
