"""Takes what is delivered to webhook streams."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from raia.ingest.v1 import stream_delivery_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Aborted, NotFound

from raia_ingest import metrics
from raia_ingest.streams import faults
from raia_ingest.streams.domain import WEBHOOK, Stream, Taken
from raia_ingest.streams.intake import IntakeRepository
from raia_ingest.streams.repository import StreamRepository
from raia_ingest.streams.tables import data_stream

_TAKE = "raia_ingest.workers.stream_records:take_delivery"
_SECONDS = 20.0

Request = stream_delivery_pb2.DeliverRecordsRequest
Delivery = stream_delivery_pb2.Delivery


class DeliveryService:
    """Checks deliveries in a compute child and stores each of them once."""

    def __init__(
        self, database: Database, streams: StreamRepository, intake: IntakeRepository, pool: ComputePool
    ) -> None:
        self._database, self._streams, self._intake, self._pool = database, streams, intake, pool

    def deliver(self, call: Call, request: Request) -> Delivery:
        """Takes a delivery, or answers as the first time when it comes again.

        Raises ``NotFound``, ``StreamState``, ``DeliveryReused``, and ``Aborted`` when the stream changed meanwhile.
        """
        stream_id, digest = UUID(request.id), _digest(request)
        with self._database.unit_of_work(call.org_id) as unit:
            stream = self._streams.find(unit, stream_id)
            known = self._intake.delivery(unit, stream_id, request.delivery_id)
        if stream is None:
            raise NotFound.of("stream", stream_id)
        if stream.source_type != WEBHOOK:
            raise faults.not_webhook(stream)
        taken = None if known is not None else self._take(call, stream, request)
        return self._store(final_unit(), stream, request.delivery_id, digest, taken)

    def _take(self, call: Call, stream: Stream, request: Request) -> Taken:
        if not stream.takes_records:
            raise faults.not_running(stream)
        arguments: dict[str, Any] = {"schema": dict(stream.schema_info), "request": request.SerializeToString()}
        found = self._pool.run(_TAKE, arguments, time_limit=_SECONDS, share=str(call.org_id))
        return Taken(found["content"], found["stored"], found["rejections"])

    def _store(
        self, unit: UnitOfWork, stream: Stream, delivery_id: str, digest: bytes, taken: Taken | None
    ) -> Delivery:
        locked = self._streams.find(unit, stream.id, lock=True)
        if locked is None:
            raise NotFound.of("stream", stream.id)
        known = self._intake.delivery(unit, stream.id, delivery_id)
        if known is not None:
            if known[0] != digest:
                raise faults.delivery_reused(delivery_id)
            repeated = data_stream.c.deliveries_repeated + 1
            self._streams.note(unit, stream.id, {"deliveries_repeated": repeated})
            return Delivery(delivery_id=delivery_id, records_stored=known[1], records_rejected=known[2], repeated=True)
        if not locked.takes_records:
            raise faults.not_running(locked)
        if taken is None or locked.schema_version != stream.schema_version:
            raise Aborted("the stream was changed meanwhile; try again", reason="CONCURRENT_CHANGE", retry_after=0.2)
        self._intake.add_delivery(unit, stream.id, delivery_id, digest, taken)
        self._intake.add(unit, locked, taken)
        metrics.STREAM_RECORDS.labels(WEBHOOK, "stored").inc(taken.stored)
        metrics.STREAM_RECORDS.labels(WEBHOOK, "rejected").inc(len(taken.rejections))
        return Delivery(delivery_id=delivery_id, records_stored=taken.stored, records_rejected=len(taken.rejections))


def _digest(request: Request) -> bytes:
    """Of the records alone, whatever the order of their fields."""
    found = sha256()
    for record in request.records:
        encoded = record.SerializeToString(deterministic=True)
        found.update(len(encoded).to_bytes(8) + encoded)
    return found.digest()
