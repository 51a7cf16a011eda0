"""The events of mappings and their runs."""

from raia.ingest.events.v1 import mapping_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.mapping.domain import DatasetMapping

TOPIC = "raia.ingest.mapping"


def suggested(unit: UnitOfWork, mapping: DatasetMapping) -> None:
    """A suggestion has ended; the mapping's row is locked."""
    message = events.MappingSuggested(
        mapping_id=str(mapping.id),
        dataset_id=str(mapping.dataset_id),
        dataset_version=mapping.dataset_version,
        schema_id=str(mapping.schema_id),
        status=mapping.status,
        accepted_count=mapping.accepted_count,
        project_id=str(mapping.project_id or ""),
    )
    unit.emit(message, key=str(mapping.id), topic=TOPIC)


def decided(unit: UnitOfWork, mapping: DatasetMapping, feedback_version: int, columns: int) -> None:
    """Somebody decided about columns; the mapping's row is locked."""
    message = events.MappingDecided(
        mapping_id=str(mapping.id),
        schema_id=str(mapping.schema_id),
        feedback_version=feedback_version,
        column_count=columns,
        project_id=str(mapping.project_id or ""),
    )
    unit.emit(message, key=str(mapping.id), topic=TOPIC)
