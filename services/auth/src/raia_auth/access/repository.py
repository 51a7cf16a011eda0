"""What the access snapshot reads, in PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from raia.auth.v1 import access_pb2
from raia_kit.database import UnitOfWork
from sqlalchemy import Select, select, text

from raia_auth.access.tables import project_grant, project_restriction, resource_grant
from raia_auth.organisations.tables import membership
from raia_auth.sessions.tables import user_sessions

M = TypeVar("M")
_FETCH = 1000


class AccessRepository(Protocol):
    """Reads of all organisations, in one platform unit of work; rows are streamed, never all in memory."""

    def freeze(self, unit: UnitOfWork) -> None:
        """Makes every read that follows see the database as of one moment; call it first in the transaction."""

    def granted(self, unit: UnitOfWork, user_id: UUID) -> tuple[frozenset[str], frozenset[str]]:
        """Roles in single projects and permissions on single resources of a user of the unit's organisation."""

    def memberships(self, unit: UnitOfWork) -> Iterator[access_pb2.Membership]:
        """Every membership."""

    def project_grants(self, unit: UnitOfWork) -> Iterator[access_pb2.ProjectGrant]:
        """Every project grant."""

    def resource_grants(self, unit: UnitOfWork) -> Iterator[access_pb2.ResourceGrant]:
        """Every resource grant."""

    def project_restrictions(self, unit: UnitOfWork) -> Iterator[access_pb2.ProjectRestriction]:
        """Every restricted project."""

    def revoked_sessions(self, unit: UnitOfWork, since: datetime) -> Iterator[tuple[str, datetime]]:
        """Sessions revoked after a moment, each with when."""


class SqlAccessRepository:
    """The implementation over the tables that the platform role may read across tenants."""

    def freeze(self, unit: UnitOfWork) -> None:
        """Makes every read that follows see the database as of one moment; call it first in the transaction."""
        unit.session.execute(text("set transaction isolation level repeatable read read only"))

    def granted(self, unit: UnitOfWork, user_id: UUID) -> tuple[frozenset[str], frozenset[str]]:
        """Roles in single projects and permissions on single resources of a user of the unit's organisation."""
        projects = unit.session.scalars(
            select(project_grant.c.roles).where(
                project_grant.c.org_id == unit.tenant, project_grant.c.user_id == user_id
            )
        )
        resources = unit.session.scalars(
            select(resource_grant.c.permissions).where(
                resource_grant.c.org_id == unit.tenant, resource_grant.c.user_id == user_id
            )
        )
        return frozenset().union(*projects), frozenset().union(*resources)

    def memberships(self, unit: UnitOfWork) -> Iterator[access_pb2.Membership]:
        """Every membership."""
        table = membership.c
        query = select(table.org_id, table.user_id, table.roles, table.is_active)
        return _stream(
            unit,
            query,
            lambda row: access_pb2.Membership(org_id=str(row[0]), user_id=str(row[1]), roles=row[2], active=row[3]),
        )

    def project_grants(self, unit: UnitOfWork) -> Iterator[access_pb2.ProjectGrant]:
        """Every project grant."""
        table = project_grant.c
        query = select(table.org_id, table.project_id, table.user_id, table.roles)
        return _stream(
            unit,
            query,
            lambda row: access_pb2.ProjectGrant(
                org_id=str(row[0]), project_id=str(row[1]), user_id=str(row[2]), roles=row[3]
            ),
        )

    def resource_grants(self, unit: UnitOfWork) -> Iterator[access_pb2.ResourceGrant]:
        """Every resource grant."""
        table = resource_grant.c
        query = select(table.org_id, table.resource_type, table.resource_id, table.user_id, table.permissions)
        return _stream(
            unit,
            query,
            lambda row: access_pb2.ResourceGrant(
                org_id=str(row[0]),
                resource_type=row[1],
                resource_id=str(row[2]),
                user_id=str(row[3]),
                permissions=row[4],
            ),
        )

    def project_restrictions(self, unit: UnitOfWork) -> Iterator[access_pb2.ProjectRestriction]:
        """Every restricted project."""
        table = project_restriction.c
        query = select(table.org_id, table.project_id).where(table.restricted)
        return _stream(
            unit,
            query,
            lambda row: access_pb2.ProjectRestriction(org_id=str(row[0]), project_id=str(row[1]), restricted=True),
        )

    def revoked_sessions(self, unit: UnitOfWork, since: datetime) -> Iterator[tuple[str, datetime]]:
        """Sessions revoked after a moment, each with when."""
        table = user_sessions.c
        query = select(table.session_id, table.revoked_at).where(table.revoked_at > since)
        return _stream(unit, query, lambda row: (row[0], row[1]))


def _stream(unit: UnitOfWork, query: Select[Any], convert: Callable[[Any], M]) -> Iterator[M]:
    rows = unit.session.execute(query, execution_options={"yield_per": _FETCH})
    return (convert(row) for row in rows)
