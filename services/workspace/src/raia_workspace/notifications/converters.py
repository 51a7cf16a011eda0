"""Notifications between the domain and the contract."""

from raia.workspace.v1 import notification_pb2

from raia_workspace.notifications.domain import Notification


def to_proto(notification: Notification) -> notification_pb2.Notification:
    """The notification as the contract has it."""
    told = notification.told
    message = notification_pb2.Notification(
        id=str(notification.id),
        type=told.type,
        severity=told.severity,
        title=told.title,
        message=told.message,
        resource_type=told.resource_type,
        resource_id=told.resource_id,
        read=notification.read,
        event_id=str(told.event_id),
    )
    message.created_at.FromDatetime(notification.created_at)
    if notification.read_at is not None:
        message.read_at.FromDatetime(notification.read_at)
    message.data.update(dict(told.data))
    return message
