"""What the access index holds in memory, packed so that a million memberships fit; one writer, any readers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import UUID

from raia.auth.v1 import access_pb2, access_service_pb2

K = TypeVar("K")
T = TypeVar("T")
_NONE: frozenset[str] = frozenset()
_FORGET_LATE = 60.0
_PURGE_EVERY = 1000
_MOST_SUMS = 10_000


class Member(NamedTuple):
    """A user in an organisation."""

    org_id: UUID
    key: bytes
    """Organisation and user as 32 bytes."""
    roles: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class Grants:
    """A user's grants in one organisation; replaced as a whole, never changed."""

    projects: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)
    """Roles by project."""
    resources: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Permissions by resource type and id."""

    def in_project(self, project_id: UUID | None) -> tuple[str, ...]:
        """Roles held in the project."""
        return self.projects.get(project_id, ()) if project_id is not None else ()

    def on_resource(self, resource_type: str, resource_id: str) -> frozenset[str]:
        """Permissions held on the resource."""
        return self.resources.get((resource_type, resource_id), _NONE) if self.resources else _NONE

    def resources_with(self, resource_type: str, permission: str) -> frozenset[UUID]:
        """The resources of the type on which the permission is held."""
        return frozenset(
            UUID(resource)
            for (kind, resource), permissions in self.resources.items()
            if kind == resource_type and permission in permissions
        )


_NO_GRANTS = Grants()


class AccessState:
    """Everything known at one time. Readers need no lock: each value is replaced, not changed in place."""

    def __init__(self) -> None:
        # What each role permits, and sums of it for the combinations met so far: one tuple, so that a reader never
        # keeps a sum of old roles beside the new ones.
        self._roles: tuple[dict[str, frozenset[str]], dict[tuple[str, ...], frozenset[str]]] = ({}, {})
        self._members: dict[bytes, tuple[tuple[str, ...], bool]] = {}
        self._interned: dict[tuple[tuple[str, ...], bool], tuple[tuple[str, ...], bool]] = {}
        self._grants: dict[bytes, Grants] = {}
        self._restricted: dict[bytes, frozenset[UUID]] = {}
        self._revoked: dict[str, float] = {}
        self._revocations = 0

    # --- reading

    def member(self, org_id: UUID | None, user_id: UUID | None) -> Member | None:
        """The membership, active or not; None when there is none."""
        if org_id is None or user_id is None:
            return None
        key = org_id.bytes + user_id.bytes
        found = self._members.get(key)
        return Member(org_id, key, *found) if found is not None else None

    def users(self, org_id: UUID) -> list[UUID]:
        """The users who are or were members of an organisation; looks through all memberships."""
        # The list is taken in one step, so that a membership that comes meanwhile does no harm.
        return [UUID(bytes=key[16:]) for key in list(self._members) if key.startswith(org_id.bytes)]

    def permissions(self, roles: tuple[str, ...]) -> frozenset[str]:
        """What the roles permit together; unknown ones permit nothing."""
        table, sums = self._roles
        found = sums.get(roles)
        if found is None:
            found = _NONE.union(*(table.get(role, _NONE) for role in roles))
            if len(sums) < _MOST_SUMS:
                sums[roles] = found
        return found

    def grants(self, key: bytes) -> Grants:
        """A member's grants."""
        return self._grants.get(key, _NO_GRANTS)

    def granted_anywhere(self, key: bytes, permission: str) -> bool:
        """Whether a grant on any project or resource gives the permission."""
        grants = self._grants.get(key)
        if grants is None:
            return False
        return any(permission in held for held in grants.resources.values()) or any(
            permission in self.permissions(roles) for roles in grants.projects.values()
        )

    def restricted(self, org_id: UUID | None) -> frozenset[UUID]:
        """The organisation's restricted projects."""
        return self._restricted.get(org_id.bytes, frozenset()) if org_id is not None else frozenset()

    def session_revoked(self, session_id: str) -> bool:
        """Whether the session ended before its time."""
        return session_id in self._revoked

    # --- writing

    def add(self, part: access_service_pb2.AccessSnapshotPart) -> None:
        """Takes over one part of a snapshot."""
        if part.roles:
            self._roles = ({**self._roles[0], **_permissions(part.roles)}, {})
        for membership in part.memberships:
            self.set_membership(membership)
        for project_grant in part.project_grants:
            self.set_project_grant(project_grant)
        for resource_grant in part.resource_grants:
            self.set_resource_grant(resource_grant)
        for restriction in part.project_restrictions:
            self.set_restriction(restriction)
        for session in part.revoked_sessions:
            self.revoke(session, 0.0)

    def set_roles(self, roles: Iterable[access_pb2.Role]) -> None:
        """Replaces what every role permits."""
        self._roles = (_permissions(roles), {})

    def set_membership(self, membership: access_pb2.Membership) -> None:
        """Replaces one membership."""
        value = (tuple(membership.roles), membership.active)
        self._members[_key(membership.org_id, membership.user_id)] = self._interned.setdefault(value, value)

    def set_project_grant(self, grant: access_pb2.ProjectGrant) -> None:
        """Replaces the roles of one user in one project; no roles end the grant."""
        key = _key(grant.org_id, grant.user_id)
        before = self.grants(key)
        projects = _with(before.projects, UUID(grant.project_id), tuple(grant.roles))
        self._set_grants(key, Grants(projects, before.resources))

    def set_resource_grant(self, grant: access_pb2.ResourceGrant) -> None:
        """Replaces the permissions of one user on one resource; no permissions end the grant."""
        key = _key(grant.org_id, grant.user_id)
        before = self.grants(key)
        place = (grant.resource_type, grant.resource_id)
        self._set_grants(key, Grants(before.projects, _with(before.resources, place, frozenset(grant.permissions))))

    def set_restriction(self, restriction: access_pb2.ProjectRestriction) -> None:
        """Marks one project restricted or open."""
        org, project = UUID(restriction.org_id).bytes, UUID(restriction.project_id)
        before = self._restricted.get(org, frozenset())
        self._restricted[org] = before | {project} if restriction.restricted else before - {project}

    def revoke(self, session: access_pb2.RevokedSession, now: float) -> None:
        """Remembers a session that ended, until every token of it has expired by itself."""
        self._revoked[session.session_id] = session.forget_after.ToNanoseconds() / 1e9 + _FORGET_LATE
        self._revocations += 1
        if self._revocations % _PURGE_EVERY == 0 and now:
            self._revoked = {name: until for name, until in self._revoked.items() if until > now}

    def _set_grants(self, key: bytes, grants: Grants) -> None:
        if grants.projects or grants.resources:
            self._grants[key] = grants
        else:
            self._grants.pop(key, None)


def _key(org_id: str, user_id: str) -> bytes:
    return UUID(org_id).bytes + UUID(user_id).bytes


def _permissions(roles: Iterable[access_pb2.Role]) -> dict[str, frozenset[str]]:
    return {role.name: frozenset(role.permissions) for role in roles}


def _with(before: Mapping[K, T], key: K, value: T) -> dict[K, T]:
    """A copy with the value, or without the key when the value is empty."""
    after = {k: v for k, v in before.items() if k != key}
    if value:
        after[key] = value
    return after
