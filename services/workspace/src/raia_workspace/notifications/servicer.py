"""The rpcs of NotificationService."""

from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.workspace.v1 import notification_pb2, notification_service_pb2, notification_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_workspace.notifications.converters import to_proto
from raia_workspace.notifications.service import NotificationService


class NotificationServicer(notification_service_pb2_grpc.NotificationServiceServicer):
    """The caller's notifications."""

    def __init__(self, notifications: NotificationService) -> None:
        self._notifications = notifications

    def ListNotifications(
        self, request: notification_service_pb2.ListNotificationsRequest, _context: grpc.ServicerContext
    ) -> notification_service_pb2.ListNotificationsResponse:
        """A page of notifications."""
        found, token, unread = self._notifications.page(current_unit(), current_call().user_id, request)
        return notification_service_pb2.ListNotificationsResponse(
            notifications=[to_proto(each) for each in found], next_page_token=token, unread_count=unread
        )

    def MarkNotificationRead(
        self, request: notification_service_pb2.MarkNotificationReadRequest, _context: grpc.ServicerContext
    ) -> notification_pb2.Notification:
        """Marks one read."""
        return to_proto(self._notifications.mark_read(current_unit(), current_call().user_id, UUID(request.id)))

    def MarkAllNotificationsRead(
        self, request: notification_service_pb2.MarkAllNotificationsReadRequest, _context: grpc.ServicerContext
    ) -> notification_service_pb2.MarkAllNotificationsReadResponse:
        """Marks all read."""
        marked = self._notifications.mark_all_read(current_unit(), current_call().user_id)
        return notification_service_pb2.MarkAllNotificationsReadResponse(marked_count=marked)

    def DeleteNotification(
        self, request: notification_service_pb2.DeleteNotificationRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Deletes one."""
        self._notifications.delete(current_unit(), current_call().user_id, UUID(request.id))
        return empty_pb2.Empty()
