"""Use cases of notifications: make them from events, list, mark, delete."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from raia_kit.contract import contract_files
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, Unavailable
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event
from raia_kit.pagination import ListRequest

from raia_workspace.notifications import events
from raia_workspace.notifications.domain import Notification
from raia_workspace.notifications.repository import NotificationRepository
from raia_workspace.notifications.templates import EVENTS, template_of, told

TOPICS = (
    "raia.ingest.dataset",
    "raia.ingest.stream",
    "raia.ingest.source",
    "raia.ml.training_run",
    "raia.ml.model",
    "raia.explain.fairness_report",
    "raia.llm.document",
    "raia.workspace.export_job",
)


class Members(Protocol):
    """Who holds a permission in an organisation; ``raia_kit.access.AccessIndex`` knows."""

    def holders(self, org_id: UUID, permission: str, project_id: UUID | None = None) -> frozenset[UUID]:
        """The active members who hold the permission in the project, or in the organisation as a whole."""
        ...

    def age(self) -> float:
        """Seconds since that was known to be current; infinite before it is known at all."""
        ...


class NotificationService:
    """Every user's own notifications."""

    def __init__(self, notifications: NotificationRepository, members: Members, *, max_age: float) -> None:
        """``max_age``: seconds that what is known of members may be behind."""
        self._notifications, self._members, self._max_age = notifications, members, max_age

    def consumer(self) -> Consumer:
        """What makes notifications of events; events that this release has no contract for are passed over."""
        return Consumer(name="notifications", topics=TOPICS, handler=self.notify, types=known(EVENTS))

    def notify(self, unit: UnitOfWork, event: Event) -> None:
        """Tells whoever made the change, and whoever else should know, of one event; each of them once.

        Raises ``Unavailable`` while it is not known who should know, so that the event waits.
        """
        if unit.org_id is None:
            return
        message = event.decode()
        template = template_of(message)
        if template is None:
            return
        users = {event.actor.user_id} - {None}
        if template.tell:
            if self._members.age() > self._max_age:
                raise Unavailable("members are not known right now", reason="ACCESS_STALE")
            users |= self._members.holders(unit.org_id, template.tell, _project(message))
        told_users = (user for user in users if user is not None)
        for notification in self._notifications.add(unit, told_users, told(template, event.id, message)):
            events.created(unit, notification)

    def page(self, unit: UnitOfWork, user_id: UUID, request: ListRequest) -> tuple[list[Notification], str, int]:
        """A page of the user's notifications, the token of the next, and how many are unread in all."""
        found, token = self._notifications.page(unit, user_id, request)
        return found, token, self._notifications.unread(unit, user_id)

    def mark_read(self, unit: UnitOfWork, user_id: UUID, notification_id: UUID) -> Notification:
        """Marks one read and answers it; raises ``NotFound``."""
        self._notifications.mark_read(unit, user_id, notification_id)
        found = self._notifications.find(unit, user_id, notification_id)
        if found is None:
            raise NotFound.of("notification", notification_id)
        return found

    def mark_all_read(self, unit: UnitOfWork, user_id: UUID) -> int:
        """Marks all read; answers how many were not."""
        return self._notifications.mark_all_read(unit, user_id)

    def delete(self, unit: UnitOfWork, user_id: UUID, notification_id: UUID) -> None:
        """Deletes one; raises ``NotFound``."""
        if not self._notifications.delete(unit, user_id, notification_id):
            raise NotFound.of("notification", notification_id)


def known(names: Iterable[str]) -> frozenset[str]:
    """Those of the messages that a contract of this release describes."""
    contract_files()
    pool = descriptor_pool.Default()
    found = set()
    for name in names:
        try:
            pool.FindMessageTypeByName(name)
        except KeyError:
            continue
        found.add(name)
    return frozenset(found)


def _project(message: Message) -> UUID | None:
    text = getattr(message, "project_id", "")
    return UUID(text) if text else None
