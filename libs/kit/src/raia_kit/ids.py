"""Identifiers made by the server."""

from uuid import UUID

from uuid_utils import uuid7


def new_id() -> UUID:
    """A UUIDv7: unique, and ordered by the time it was made."""
    return UUID(bytes=uuid7().bytes)
