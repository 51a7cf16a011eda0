"""Users as protobuf messages."""

from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from raia.auth.v1 import user_pb2, user_service_pb2

from raia_auth.organisations.domain import Organisation
from raia_auth.users.domain import Change, User


def to_proto(user: User) -> user_pb2.User:
    """The user as callers see them."""
    return user_pb2.User(
        id=str(user.id),
        email=user.email,
        role=user.roles[0] if user.roles else "",
        is_active=user.is_active,
        last_login=timestamp(user.last_login) if user.last_login else None,
        created_at=timestamp(user.created_at),
        updated_at=timestamp(user.updated_at),
        name=user.name,
        roles=user.roles,
        etag=user.etag,
    )


def organisation_to_proto(organisation: Organisation) -> user_pb2.Organisation:
    """The organisation as its members see it."""
    return user_pb2.Organisation(
        id=str(organisation.id), name=organisation.name, created_at=timestamp(organisation.created_at)
    )


def to_change(request: user_service_pb2.UpdateUserRequest) -> Change:
    """The change that the request asks for: the fields of its mask, else every field that is present."""
    named = set(request.update_mask.paths)
    return Change(
        name=request.name if request.HasField("name") and (not named or "name" in named) else None,
        is_active=request.is_active if request.HasField("is_active") and (not named or "is_active" in named) else None,
        roles=tuple(request.roles) if request.roles and (not named or "roles" in named) else None,
    )


def timestamp(moment: datetime) -> Timestamp:
    """The moment as a protobuf timestamp."""
    result = Timestamp()
    result.FromDatetime(moment)
    return result


def identifier(text: str) -> UUID | None:
    """The id in a field that the contract limits to a UUID or nothing."""
    return UUID(text) if text else None
