"""The events of the catalogue; each is emitted after the dataset's row is locked."""

from collections.abc import Iterable

from raia.ingest.events.v1 import life_cycle_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.events import TOPIC


def updated(unit: UnitOfWork, dataset: Dataset, fields: Iterable[str]) -> None:
    """Something that people say of a dataset has changed."""
    message = life_cycle_events_pb2.DatasetUpdated(
        dataset_id=str(dataset.id),
        name=dataset.name,
        changed_fields=sorted(fields),
        project_id=str(dataset.project_id or ""),
    )
    unit.emit(message, key=str(dataset.id), topic=TOPIC)
