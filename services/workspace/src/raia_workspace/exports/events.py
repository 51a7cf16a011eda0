"""The events of exports; each is emitted after the export's row is locked."""

from raia.workspace.events.v1 import workspace_events_pb2
from raia_kit.database import UnitOfWork

from raia_workspace.exports.domain import Export

TOPIC = "raia.workspace.export_job"


def finished(unit: UnitOfWork, export: Export, status: str) -> None:
    """An export ended."""
    message = workspace_events_pb2.ExportFinished(
        export_job_id=str(export.id), format=export.format, status=status, created_by=str(export.created_by)
    )
    unit.emit(message, key=str(export.id), topic=TOPIC)
