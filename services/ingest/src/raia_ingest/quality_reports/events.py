"""The events of data quality reports; each is emitted after the dataset's row is locked."""

from raia.ingest.events.v1 import quality_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC
from raia_ingest.quality_reports.domain import Report


def assessed(unit: UnitOfWork, dataset: Dataset, report: Report, status: str) -> None:
    """An assessment has ended."""
    message = events.DatasetAssessed(
        dataset_id=str(dataset.id),
        version=report.version,
        name=dataset.name,
        report_id=str(report.id),
        status=status,
        quality_score=report.quality_score or 0.0,
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
