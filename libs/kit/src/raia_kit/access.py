"""Who may do what, decided from memory: roles, memberships, grants and revocations, current within milliseconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from raia.auth.events.v1 import access_events_pb2, session_events_pb2
from raia.auth.v1 import access_service_pb2, access_service_pb2_grpc
from sqlalchemy import ColumnElement, all_, any_, false, literal, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as SqlUuid

from raia_kit.access_state import AccessState, Member
from raia_kit.context import Caller
from raia_kit.errors import Unavailable
from raia_kit.events import cursor
from raia_kit.events.envelope import Event, UnknownEventType
from raia_kit.events.log import EventLog, Positions
from raia_kit.events.loop import Loop
from raia_kit.events.tail import Tail
from raia_kit.identity import Channels, ServiceIdentity

_LOG = logging.getLogger(__name__)

TOPICS = ("raia.auth.access", "raia.auth.session")
"""The topics that keep the index current."""
SEE_ALL_PROJECTS = "projects.admin"
"""The permission whose holders see restricted projects without a grant."""

Part = access_service_pb2.AccessSnapshotPart


class AccessSource(Protocol):
    """Where the index is loaded from: auth's AccessService, or, in auth itself, its tables."""

    def parts(self) -> Iterable[Part]:
        """Everything, in parts; one, the last, carries the log's cursor, taken before anything was read."""


class AuthAccessSource:
    """The snapshot that auth streams, asked for with this service's own proof."""

    def __init__(self, channels: Channels, identity: ServiceIdentity) -> None:
        self._channels, self._identity = channels, identity

    def parts(self) -> Iterable[Part]:
        """As ``AccessSource.parts``; raises ``Unavailable`` while auth is away."""
        stub = self._channels.stub(access_service_pb2_grpc.AccessServiceStub, "auth", token=self._identity.assertion())
        return stub.GetSnapshot(access_service_pb2.GetSnapshotRequest())


@dataclass(frozen=True)
class Visibility:
    """The resources of one type that a caller may see with one permission, as a condition on their rows."""

    organisation: bool
    """Everything in the organisation but what lies in ``hidden`` projects."""
    hidden: frozenset[UUID] = frozenset()
    """Restricted projects without a grant."""
    projects: frozenset[UUID] = frozenset()
    """Projects in which a grant gives the permission."""
    resources: frozenset[UUID] = frozenset()
    """Resources on which a grant gives the permission."""

    def clause(self, project_id: ColumnElement[Any], resource_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition on a table's project column (null: in no project) and id column."""
        conditions: list[ColumnElement[bool]] = []
        if self.organisation and not self.hidden:
            return true()
        if self.organisation:
            conditions += [project_id.is_(None), project_id != all_(_array(self.hidden))]
        if self.projects:
            conditions.append(project_id == any_(_array(self.projects)))
        if self.resources:
            conditions.append(resource_id == any_(_array(self.resources)))
        return or_(*conditions) if conditions else false()


def _array(ids: Iterable[UUID]) -> ColumnElement[Any]:
    return literal(sorted(ids), ARRAY(SqlUuid(as_uuid=True)))


class AccessIndex:
    """Decides from memory; ``start`` loads it and keeps it current from the log in a thread of its own.

    Permissions add up: what the roles in the organisation permit, what grants on projects permit there, what grants on
    resources permit on them. A token's scope limits them. A service that acts for no user holds its token's scope.
    """

    def __init__(
        self,
        source: AccessSource,
        log: EventLog,
        *,
        patience: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``patience``: seconds to wait for the membership of a user who is so new that the log has not told yet."""
        self._source, self._patience, self._now = source, patience, now
        self._state = AccessState()
        self._changed = threading.Condition()
        self._strangers: dict[bytes, float] = {}
        self._feed = _Feed(self, log)

    # --- questions

    def holds(self, caller: Caller, permission: str) -> bool:
        """Whether the caller has the permission anywhere in the organisation, within the token's scope."""
        if caller.scope is not None and permission not in caller.scope:
            return False
        if caller.user_id is None:
            return caller.service is not None
        state, member = self._member(caller)
        if member is None:
            return False
        return permission in state.permissions(member.roles) or state.granted_anywhere(member.key, permission)

    def allows(
        self,
        caller: Caller,
        permission: str,
        *,
        project_id: UUID | None = None,
        resource_type: str = "",
        resource_id: str = "",
    ) -> bool:
        """Whether the caller has the permission on this resource, or in this project, within the token's scope."""
        if caller.scope is not None and permission not in caller.scope:
            return False
        if caller.user_id is None:
            return caller.service is not None
        state, member = self._member(caller)
        if member is None:
            return False
        grants = state.grants(member.key)
        if permission in grants.on_resource(resource_type, resource_id):
            return True
        if permission in state.permissions(grants.in_project(project_id)):
            return True
        return permission in state.permissions(member.roles) and self._enters(state, member, project_id)

    def sees(
        self, caller: Caller, *, project_id: UUID | None = None, resource_type: str = "", resource_id: str = ""
    ) -> bool:
        """Whether the caller may know that the resource exists: it lies in no restricted project, or a grant shows it.

        The token's scope does not matter here: it limits what is done, not what the user behind it can see.
        """
        if caller.user_id is None:
            return caller.service is not None
        state, member = self._member(caller)
        if member is None:
            return False
        if state.grants(member.key).on_resource(resource_type, resource_id):
            return True
        return self._enters(state, member, project_id)

    def visible_projects(self, caller: Caller, permission: str, resource_type: str = "") -> Visibility:
        """What a list may show: the condition on rows of ``resource_type`` that ``allows`` would let through."""
        if caller.scope is not None and permission not in caller.scope:
            return Visibility(organisation=False)
        if caller.user_id is None:
            return Visibility(organisation=caller.service is not None)
        state, member = self._member(caller)
        if member is None:
            return Visibility(organisation=False)
        grants, held = state.grants(member.key), state.permissions(member.roles)
        hidden: frozenset[UUID] = frozenset()
        if SEE_ALL_PROJECTS not in held:
            hidden = state.restricted(caller.org_id) - grants.projects.keys()
        return Visibility(
            organisation=permission in held,
            hidden=hidden,
            projects=frozenset(
                project for project, roles in grants.projects.items() if permission in state.permissions(roles)
            ),
            resources=grants.resources_with(resource_type, permission),
        )

    def revoked(self, caller: Caller) -> bool:
        """Whether the token no longer holds though it has not expired: its session ended, its user was deactivated."""
        state = self._state
        if caller.session_id is not None and state.session_revoked(caller.session_id):
            return True
        member = state.member(caller.org_id, caller.user_id)
        return member is not None and not member.active

    def restricted(self, org_id: UUID, project_id: UUID) -> bool:
        """Whether the project is seen by its grantees and holders of projects.admin alone."""
        return project_id in self._state.restricted(org_id)

    def roles(self, caller: Caller) -> tuple[str, ...]:
        """The caller's roles in the organisation."""
        member = self._member(caller)[1]
        return member.roles if member is not None else ()

    def permissions(self, caller: Caller) -> frozenset[str]:
        """What the caller may do in the whole organisation, grants aside, within the token's scope."""
        if caller.user_id is None:
            return caller.scope or frozenset() if caller.service is not None else frozenset()
        state, member = self._member(caller)
        held = state.permissions(member.roles) if member is not None else frozenset()
        return held if caller.scope is None else held & caller.scope

    def holders(self, org_id: UUID, permission: str, project_id: UUID | None = None) -> frozenset[UUID]:
        """The active members who hold the permission in the organisation, or in the project that is named."""
        users = self._state.users(org_id)
        return frozenset(user for user in users if self.allows(Caller(user, org_id), permission, project_id=project_id))

    def age(self) -> float:
        """Seconds since the index was known to be current; infinite before it was loaded."""
        return time.monotonic() - self._feed.caught_up_at

    # --- upkeep

    def start(self) -> None:
        """Begins to load and to follow; ``age`` tells when it is current."""
        self._feed.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ends following; False when it did not within ``timeout`` seconds."""
        return self._feed.stop(timeout)

    def healthy(self) -> tuple[bool, str]:
        """Whether it follows, and if not a sentence that says why."""
        return self._feed.healthy()

    def wait_current(self, timeout: float) -> bool:
        """Waits until it is current; False when it was not within ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._feed.caught_up_at > float("-inf"), timeout)

    def load(self) -> Positions:
        """Reads everything anew and returns the log positions to go on from; the old state serves until it is whole.

        Raises ``Unavailable`` (SNAPSHOT_INCOMPLETE) when the source ended without a cursor.
        """
        fresh, end = AccessState(), ""
        for part in self._source.parts():
            fresh.add(part)
            end = part.cursor or end
        if not end:
            raise Unavailable("the access snapshot ended before its end", reason="SNAPSHOT_INCOMPLETE")
        self._state = fresh
        self.notify()
        return cursor.decode(end)

    def apply(self, event: Event) -> None:
        """Takes over what one event of ``TOPICS`` says; twice is the same as once."""
        try:
            message = event.decode()
        except UnknownEventType:
            if event.type.startswith(_KNOWN):
                raise
            _LOG.warning("event %s of unknown type %s changes nothing this release checks", event.id, event.type)
            return
        state = self._state
        match message:
            case access_events_pb2.MembershipChanged():
                state.set_membership(message.membership)
            case access_events_pb2.ProjectGrantChanged():
                state.set_project_grant(message.grant)
            case access_events_pb2.ResourceGrantChanged():
                state.set_resource_grant(message.grant)
            case access_events_pb2.ProjectRestrictionChanged():
                state.set_restriction(message.restriction)
            case access_events_pb2.RolesChanged():
                state.set_roles(message.roles)
            case session_events_pb2.SessionRevoked():
                state.revoke(message.session, self._now())
        self.notify()

    def notify(self) -> None:
        """Wakes whoever waits for news; called after each change."""
        with self._changed:
            self._changed.notify_all()

    def _member(self, caller: Caller) -> tuple[AccessState, Member | None]:
        """The state to decide on, and the caller's active membership in it."""
        state = self._state
        member = state.member(caller.org_id, caller.user_id)
        if member is None and caller.org_id is not None and caller.user_id is not None:
            self._await_stranger(caller.org_id, caller.user_id)
            state = self._state
            member = state.member(caller.org_id, caller.user_id)
        return state, member if member is not None and member.active else None

    def _await_stranger(self, org_id: UUID, user_id: UUID) -> None:
        """A valid token of an unknown member is newer than the log has told: waits for it, once per user."""
        key, now = org_id.bytes + user_id.bytes, time.monotonic()
        with self._changed:
            if self._strangers.get(key, 0.0) > now or len(self._strangers) > _MOST_STRANGERS:
                self._strangers = {k: until for k, until in self._strangers.items() if until > now}
                return
            self._strangers[key] = now + _STRANGER_SECONDS
            self._changed.wait_for(lambda: self._state.member(org_id, user_id) is not None, self._patience)

    @staticmethod
    def _enters(state: AccessState, member: Member, project_id: UUID | None) -> bool:
        if project_id is None or project_id not in state.restricted(member.org_id):
            return True
        if project_id in state.grants(member.key).projects:
            return True
        return SEE_ALL_PROJECTS in state.permissions(member.roles)


_MOST_STRANGERS = 1000
_STRANGER_SECONDS = 30.0
_KNOWN = tuple(
    message.full_name
    for file in (access_events_pb2.DESCRIPTOR, session_events_pb2.DESCRIPTOR)
    for message in file.message_types_by_name.values()
)


class _Unreadable(Exception):
    """An event of ``TOPICS`` cannot be applied, so what it changed must come from a new snapshot."""


class _Feed(Loop):
    """Loads the index, then follows the log.

    Loads it again when the log no longer holds what follows, and when an event cannot be applied: the snapshot then
    taken has what that event changed. Until it is loaded the index ages, since the event may be a revocation.
    """

    def __init__(self, index: AccessIndex, log: EventLog) -> None:
        super().__init__("access")
        self._index, self._log = index, log
        self._tail: Tail | None = None
        self._broken = False

    @property
    def caught_up_at(self) -> float:
        """As ``Tail.caught_up_at``."""
        tail = self._tail
        return tail.caught_up_at if tail is not None else float("-inf")

    def wake(self) -> None:
        """Ends the wait for events early."""
        super().wake()
        if self._tail is not None:
            self._tail.wake()

    def step(self) -> float:
        """Loads, or gives what one look at the log brings."""
        if self._tail is None or self._broken:
            fresh = self._follow(self._index.load())
            self.release()
            self._tail, self._broken = fresh, False
        try:
            seconds = self._tail.step()
        except _Unreadable:
            self._broken = True
            raise
        self._index.notify()
        return seconds

    def release(self) -> None:
        """Closes the log's reader."""
        if self._tail is not None:
            self._tail.release()

    def _follow(self, after: Positions) -> Tail:
        # A topic that did not exist when the snapshot was taken is read from its beginning.
        return Tail(
            "access-tail", self._log, TOPICS, self._apply, after=after, start="earliest", on_expired=self._index.load
        )

    def _apply(self, event: Event) -> None:
        try:
            self._index.apply(event)
        except (UnknownEventType, ValueError) as error:
            raise _Unreadable(f"event {event.id} of {event.type} cannot be applied") from error
