"""How a notification is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_workspace.notifications.repository import NotificationRepository


class NotificationGuard:
    """Looks notifications up; another user's are not there."""

    def __init__(self, notifications: NotificationRepository) -> None:
        self._notifications = notifications

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """In no project, or None when the caller has no such notification."""
        user_id = unit.actor.user_id
        if user_id is None or self._notifications.find(unit, user_id, UUID(resource_id)) is None:
            return None
        return Located()
