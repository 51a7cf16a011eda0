"""How an export is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_workspace.exports.repository import ExportRepository


class ExportGuard:
    """Looks exports up; another user's are not there, since they hold what that user may read."""

    def __init__(self, exports: ExportRepository) -> None:
        self._exports = exports

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """In no project, or None when the caller started no such export."""
        found = self._exports.find(unit, UUID(resource_id))
        return Located() if found is not None and found.created_by == unit.actor.user_id else None
