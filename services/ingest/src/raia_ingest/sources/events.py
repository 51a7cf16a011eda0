"""The events of watched sources; each is emitted after the source's row is locked."""

from raia.ingest.events.v1 import source_events_pb2
from raia_kit.database import UnitOfWork

from raia_ingest.datasets.domain import Dataset
from raia_ingest.sources.domain import Item, Source

TOPIC = "raia.ingest.source"


def taken(unit: UnitOfWork, source: Source, item: Item, dataset: Dataset) -> None:
    """An item became a version."""
    message = source_events_pb2.SourceItemTaken(
        source_id=str(source.id),
        source_name=source.spec.name,
        source_item_id=str(item.id),
        item_key=item.key,
        dataset_id=str(dataset.id),
        version=dataset.version.number,
        project_id=str(source.project_id or ""),
    )
    unit.emit(message, key=str(source.id), topic=TOPIC)


def item_failed(unit: UnitOfWork, source: Source, item: Item, error: str) -> None:
    """An item could not become a version."""
    message = source_events_pb2.SourceItemFailed(
        source_id=str(source.id),
        source_name=source.spec.name,
        source_item_id=str(item.id),
        item_key=item.key,
        error=error,
        project_id=str(source.project_id or ""),
    )
    unit.emit(message, key=str(source.id), topic=TOPIC)


def failed(unit: UnitOfWork, source: Source, error: str) -> None:
    """A source could not be looked at."""
    message = source_events_pb2.SourceFailed(
        source_id=str(source.id),
        source_name=source.spec.name,
        error=error,
        project_id=str(source.project_id or ""),
    )
    unit.emit(message, key=str(source.id), topic=TOPIC)
