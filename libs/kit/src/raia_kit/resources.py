"""The second step of authorization: may this caller do this to this one resource?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict
from uuid import UUID

from google.protobuf.message import Message

from raia_kit.context import Caller
from raia_kit.contract import Access, MethodContract
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, PermissionDenied


@dataclass(frozen=True)
class Located:
    """Where a resource lies, as far as access to it goes."""

    project_id: UUID | None = None
    """The project it belongs to; None when it belongs to the organisation as a whole."""


class ResourceGuard(Protocol):
    """How a service finds one type of its resources; registered by type in ``Service.resource_guards``."""

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """Where the resource lies, under row security; None when the caller's organisation has none of that id.

        ``resource_id`` is what the request says. It has passed the constraints of the contract, so it is a UUID if the
        contract demands one.
        """
        ...


class AccessDecisions(Protocol):
    """What authorization asks of ``raia_kit.access.AccessIndex``."""

    def holds(self, caller: Caller, permission: str) -> bool:
        """Whether the caller has the permission anywhere in the organisation, within the token's scope."""
        ...

    def allows(
        self,
        caller: Caller,
        permission: str,
        *,
        project_id: UUID | None = None,
        resource_type: str = "",
        resource_id: str = "",
    ) -> bool:
        """Whether the caller has the permission on this resource."""
        ...

    def sees(
        self,
        caller: Caller,
        *,
        project_id: UUID | None = None,
        resource_type: str = "",
        resource_id: str = "",
    ) -> bool:
        """Whether the caller may know that the resource exists."""
        ...

    def age(self) -> float:
        """Seconds since the index was known to be current."""
        ...


class _Place(TypedDict):
    project_id: UUID | None
    resource_type: str
    resource_id: str


class ResourceAuthorizer:
    """Makes the second step for the resource that an rpc's contract names, or for any that a use case names."""

    def __init__(self, access: AccessDecisions, guards: Mapping[str, ResourceGuard]) -> None:
        self._access = access
        self._guards = dict(guards)

    def owns(self, resource_type: str) -> bool:
        """Whether this service can look the type up; other services' rpcs check their own."""
        return resource_type in self._guards

    def check(self, unit: UnitOfWork, caller: Caller, method: MethodContract, request: Message) -> None:
        """Checks the resource that the contract's ``resource_field`` names in ``request``, if it names one.

        Raises ``NotFound`` (absent, another tenant's, or hidden) or ``PermissionDenied`` (seen but not covered). An
        internal rpc has no permission of its own: its caller must see the resource.
        """
        if not method.resource_field or not self.owns(method.resource_type):
            return
        resource_id = field_value(request, method.resource_field)
        if resource_id:
            permission = method.permission if method.access is Access.ROUTED else ""
            self.require(unit, caller, permission, method.resource_type, resource_id)

    def require(
        self, unit: UnitOfWork, caller: Caller, permission: str, resource_type: str, resource_id: str
    ) -> Located:
        """Checks one resource of this service and says where it lies; errors as for ``check``.

        With an empty ``permission`` the caller need only see it; a service that acts for no user sees everything.
        """
        located = self._guards[resource_type].locate(unit, resource_id)
        if located is None:
            raise NotFound.of(resource_type, resource_id)
        if not permission and caller.user_id is None and caller.service:
            return located
        place: _Place = {
            "project_id": located.project_id,
            "resource_type": resource_type,
            "resource_id": resource_id,
        }
        if permission and self._access.allows(caller, permission, **place):
            return located
        if not self._access.sees(caller, **place):
            raise NotFound.of(resource_type, resource_id)
        if permission:
            raise PermissionDenied(
                f"{permission} is needed on this {resource_type}",
                reason="PERMISSION_MISSING",
                metadata={"permission": permission, "resource_type": resource_type, "resource_id": resource_id},
            )
        return located


def field_value(message: Message, path: str) -> str:
    """The text of the scalar field at a dotted path; empty when it or a message on the way is unset."""
    value: Any = message
    for part in path.split("."):
        value = getattr(value, part)
    return str(value) if value else ""
