"""Notifications in PostgreSQL; whoever asks gets their own alone."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from raia.workspace.v1 import notification_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_workspace.notifications.domain import Notification, Told
from raia_workspace.notifications.tables import notification as table

FIELDS = QueryFields(
    notification_pb2.Notification.DESCRIPTOR,
    {
        "id": table.c.id,
        "type": table.c.type,
        "severity": table.c.severity,
        "read": table.c.read,
        "created_at": table.c.created_at,
    },
)


class NotificationRepository:
    """Reads and writes notifications in the unit of work that it is given."""

    def add(self, unit: UnitOfWork, users: Iterable[UUID], told: Told) -> list[Notification]:
        """Tells users; those who were told of the event already are left out. Answers the new notifications."""
        rows = [
            {
                "org_id": unit.tenant,
                "id": new_id(),
                "user_id": user,
                "event_id": told.event_id,
                "type": told.type,
                "severity": told.severity,
                "title": told.title,
                "message": told.message,
                "resource_type": told.resource_type,
                "resource_id": told.resource_id,
                "data": dict(told.data),
            }
            for user in sorted(set(users))
        ]
        if not rows:
            return []
        made = insert(table).values(rows)
        found = unit.session.execute(
            made.on_conflict_do_nothing(index_elements=["org_id", "user_id", "event_id"]).returning(table)
        )
        return [_notification(row) for row in found]

    def page(self, unit: UnitOfWork, user_id: UUID, request: ListRequest) -> tuple[list[Notification], str]:
        """A page of a user's notifications, newest first unless ordered otherwise, and the token of the next."""
        mine = select(table).where(table.c.user_id == user_id)
        found = list_page(unit.session, mine, FIELDS, request, scope=str(user_id))
        return [_notification(row) for row in found.rows], found.next_page_token

    def unread(self, unit: UnitOfWork, user_id: UUID) -> int:
        """How many of a user's notifications are unread."""
        query = select(func.count()).select_from(table).where(table.c.user_id == user_id, table.c.read.is_(False))
        return int(unit.session.execute(query).scalar_one())

    def find(self, unit: UnitOfWork, user_id: UUID, notification_id: UUID) -> Notification | None:
        """One of a user's notifications."""
        query = select(table).where(table.c.user_id == user_id, table.c.id == notification_id)
        row = unit.session.execute(query).first()
        return _notification(row) if row is not None else None

    def mark_read(self, unit: UnitOfWork, user_id: UUID, notification_id: UUID) -> None:
        """Marks one read; one that is read already keeps its time."""
        unit.session.execute(
            update(table)
            .where(table.c.user_id == user_id, table.c.id == notification_id, table.c.read.is_(False))
            .values(read=True, read_at=func.now())
        )

    def mark_all_read(self, unit: UnitOfWork, user_id: UUID) -> int:
        """Marks all read; answers how many were not."""
        changed = unit.session.execute(
            update(table)
            .where(table.c.user_id == user_id, table.c.read.is_(False))
            .values(read=True, read_at=func.now())
            .returning(table.c.id)
        )
        return len(changed.all())

    def delete(self, unit: UnitOfWork, user_id: UUID, notification_id: UUID) -> bool:
        """Deletes one; False when it is not there."""
        gone = unit.session.execute(
            delete(table).where(table.c.user_id == user_id, table.c.id == notification_id).returning(table.c.id)
        )
        return gone.first() is not None


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        user_id=row.user_id,
        told=Told(
            event_id=row.event_id,
            type=row.type,
            severity=row.severity,
            title=row.title,
            message=row.message,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            data=row.data,
        ),
        created_at=row.created_at,
        read_at=row.read_at,
    )
