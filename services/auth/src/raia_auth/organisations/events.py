"""The events of memberships and users, as they are emitted."""

from collections.abc import Sequence

from raia.auth.events.v1 import access_events_pb2, user_events_pb2
from raia.auth.v1 import access_pb2
from raia_kit.database import UnitOfWork

from raia_auth.organisations.domain import Membership

ACCESS_TOPIC = "raia.auth.access"
USER_TOPIC = "raia.auth.user"


def membership_to_proto(membership: Membership) -> access_pb2.Membership:
    """The membership as processes keep it in memory."""
    return access_pb2.Membership(
        org_id=str(membership.org_id),
        user_id=str(membership.user_id),
        roles=membership.roles,
        active=membership.is_active,
    )


def emit_membership(unit: UnitOfWork, membership: Membership) -> None:
    """Tells every process what the user may now do; call it with the membership's row locked or new."""
    event = access_events_pb2.MembershipChanged(membership=membership_to_proto(membership))
    unit.emit(event, key=str(membership.user_id), topic=ACCESS_TOPIC)


def emit_registered(unit: UnitOfWork, membership: Membership, email: str, *, organisation_created: bool) -> None:
    """Tells that a user came into being."""
    event = user_events_pb2.UserRegistered(
        user_id=str(membership.user_id),
        org_id=str(membership.org_id),
        email=email,
        name=membership.name,
        organisation_created=organisation_created,
    )
    unit.emit(event, key=str(membership.user_id), topic=USER_TOPIC)


def emit_updated(unit: UnitOfWork, membership: Membership, changed: Sequence[str]) -> None:
    """Tells that name, roles or activity of a user changed."""
    event = user_events_pb2.UserUpdated(
        user_id=str(membership.user_id), org_id=str(membership.org_id), changed_fields=changed
    )
    unit.emit(event, key=str(membership.user_id), topic=USER_TOPIC)
