"""Streams between the domain and the contract."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from raia.ingest.v1 import stream_pb2, stream_service_pb2
from sqlalchemy import Row

from raia_ingest.streams.domain import KAFKA, Place, Stream


def to_proto(stream: Stream) -> stream_pb2.Stream:
    """The stream as the contract has it."""
    message = stream_pb2.Stream(
        id=str(stream.id),
        name=stream.name,
        description=stream.description,
        source_type=stream.source_type,
        status=stream.status,
        etag=stream.etag,
        project_id=str(stream.project_id or ""),
        error=stream.error,
        created_by=str(stream.created_by or ""),
        dataset_id=str(stream.dataset_id or ""),
        dataset_version=stream.dataset_version or 0,
    )
    ParseDict(dict(stream.connection_config), message.connection_config)
    ParseDict(dict(stream.schema_info), message.schema_info)
    ParseDict(dict(stream.landing), message.landing)
    message.created_at.FromDatetime(stream.created_at)
    message.updated_at.FromDatetime(stream.updated_at)
    return message


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON values by the names of the contract."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def to_change(request: stream_service_pb2.UpdateStreamRequest) -> dict[str, Any]:
    """The columns that the request changes: those of its mask, else every field that is set."""
    named = set(request.update_mask.paths)
    change: dict[str, Any] = {}
    for name in ("name", "description"):
        if name in named if named else bool(getattr(request, name)):
            change[name] = getattr(request, name)
    given = {field.name for field, _ in request.ListFields()}
    for name in ("connection_config", "schema_info", "landing"):
        if name in (named or given):
            change[name] = plain(getattr(request, name))
    return change


def to_metrics(
    stream: Stream, rate: float, minutes: Iterable[Row[Any]], places: Iterable[Place]
) -> stream_pb2.StreamMetrics:
    """The figures as the contract has them."""
    message = stream_pb2.StreamMetrics(
        stream_id=str(stream.id),
        status=stream.status,
        records_received=stream.records_received,
        records_stored=stream.stored,
        records_rejected=stream.records_rejected,
        records_landed=stream.records_landed,
        records_waiting=stream.waiting,
        records_lost=stream.records_lost,
        deliveries_repeated=stream.deliveries_repeated,
        landings=stream.landings,
        records_per_second=rate,
    )
    if stream.last_record_at is not None:
        message.last_record_at.FromDatetime(stream.last_record_at)
    for row in minutes:
        shown = message.minutes.add(records_received=row.records_received, records_rejected=row.records_rejected)
        shown.minute.FromDatetime(row.minute)
    known = [place for place in places if place.end_offset is not None]
    for place in known:
        message.partitions.add(
            partition=place.partition, next_offset=place.next_offset, end_offset=place.end_offset or 0
        )
    if stream.source_type == KAFKA and known:
        message.lag = sum(max(0, (place.end_offset or 0) - place.next_offset) for place in known)
    return message


def to_rejection(row: Row[Any]) -> stream_pb2.StreamRejection:
    """A rejection as the contract has it."""
    message = stream_pb2.StreamRejection(
        id=str(row.id),
        position=row.position,
        field=row.field,
        code=row.code,
        reason=row.reason,
        record=row.record,
    )
    message.received_at.FromDatetime(row.received_at)
    return message
