"""How a stream is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_ingest.streams.repository import StreamRepository


class StreamGuard:
    """Looks streams up; deleted ones are not there."""

    def __init__(self, streams: StreamRepository) -> None:
        self._streams = streams

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The stream's project, or None when the organisation has no such stream."""
        found = self._streams.find(unit, UUID(resource_id))
        return Located(project_id=found.project_id) if found is not None else None
