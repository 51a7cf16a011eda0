"""The tables of grants: what users may do in single projects and with single resources."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from raia_auth.schema import metadata

project_grant = Table(
    "project_grant",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", UUID(as_uuid=True), nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("org_id", "project_id", "user_id"),
    comment="Roles that users hold in one project alone",
)

resource_grant = Table(
    "resource_grant",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", UUID(as_uuid=True), nullable=False),
    Column("permissions", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("org_id", "resource_type", "resource_id", "user_id"),
    comment="Permissions that users hold on one resource alone",
)

project_restriction = Table(
    "project_restriction",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True), nullable=False),
    Column("restricted", Boolean, nullable=False),
    PrimaryKeyConstraint("org_id", "project_id"),
    comment="Projects that their grantees alone see",
)
