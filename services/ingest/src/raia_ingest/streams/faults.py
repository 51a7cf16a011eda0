"""The errors of streams."""

from uuid import UUID

from raia_kit.errors import AlreadyExists, FailedPrecondition, FieldViolation, InvalidArgument

from raia_ingest.errors import DOMAIN
from raia_ingest.streams.domain import Fault, Stream


class StreamInvalid(InvalidArgument):
    """The stream cannot be."""

    domain = DOMAIN


class StreamNameTaken(AlreadyExists):
    """A stream of this name exists in the project."""

    domain = DOMAIN


class StreamState(FailedPrecondition):
    """The stream's state, or kind, forbids it."""

    domain = DOMAIN


class DeliveryReused(AlreadyExists):
    """Another delivery came under the id."""

    domain = DOMAIN


def invalid(faults: list[Fault]) -> StreamInvalid:
    """What must be mended; the first fault is the message."""
    return StreamInvalid(
        f"{faults[0].field}: {faults[0].message}",
        reason="STREAM_INVALID",
        metadata={"field": faults[0].field},
        violations=[FieldViolation(each.field, each.message) for each in faults[:100]],
    )


def name_taken(name: str) -> StreamNameTaken:
    """The name is another stream's."""
    return StreamNameTaken(
        f"there is a stream {name!r} already: take another name, or change that one",
        reason="STREAM_NAME_TAKEN",
        metadata={"name": name},
    )


def running(stream_id: UUID) -> StreamState:
    """It must be stopped first."""
    return StreamState(
        "connection and schema change only while the stream does not run: stop it first",
        reason="STREAM_RUNNING",
        metadata={"stream_id": str(stream_id)},
    )


def not_running(stream: Stream) -> StreamState:
    """It takes nothing."""
    return StreamState(
        f"the stream is {stream.status}, and takes no records: start it first",
        reason="STREAM_NOT_RUNNING",
        metadata={"status": stream.status},
    )


def not_webhook(stream: Stream) -> StreamState:
    """Records come from elsewhere."""
    return StreamState(
        f"the stream reads from {stream.source_type}: records cannot be delivered to it",
        reason="STREAM_NOT_WEBHOOK",
        metadata={"source_type": stream.source_type},
    )


def delivery_reused(delivery_id: str) -> DeliveryReused:
    """Its records are not those that came first."""
    return DeliveryReused(
        f"a delivery {delivery_id!r} with other records was taken before: give each delivery an id of its own",
        reason="DELIVERY_ID_REUSED",
        metadata={"delivery_id": delivery_id},
    )
