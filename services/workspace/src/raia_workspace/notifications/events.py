"""The events of notifications."""

from raia.workspace.events.v1 import workspace_events_pb2
from raia_kit.database import UnitOfWork

from raia_workspace.notifications.domain import Notification

TOPIC = "raia.workspace.notification"


def created(unit: UnitOfWork, notification: Notification) -> None:
    """A user was notified."""
    told = notification.told
    message = workspace_events_pb2.NotificationCreated(
        notification_id=str(notification.id),
        user_id=str(notification.user_id),
        type=told.type,
        severity=told.severity,
        title=told.title,
        message=told.message,
        resource_type=told.resource_type,
        resource_id=told.resource_id,
    )
    unit.emit(message, key=str(notification.user_id), topic=TOPIC)
