"""What a stream has taken, in PostgreSQL: batches, rejections, offsets, deliveries and landings."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from raia_ingest.streams.domain import Batch, Place, Stream, Taken
from raia_ingest.streams.tables import (
    data_stream,
    stream_batch,
    stream_delivery,
    stream_landing,
    stream_minute,
    stream_partition,
    stream_rejection,
)


class IntakeRepository:
    """Reads and writes what came, in the unit of work that it is given; the stream's row must be locked."""

    def add(self, unit: UnitOfWork, stream: Stream, taken: Taken) -> None:
        """Adds a batch with its rejections, and counts both."""
        rejected = len(taken.rejections)
        unit.session.execute(
            insert(stream_batch).values(
                org_id=unit.tenant,
                stream_id=stream.id,
                number=stream.batches + 1,
                schema_version=stream.schema_version,
                records_stored=taken.stored,
                records_rejected=rejected,
                content=taken.content,
            )
        )
        if taken.rejections:
            rows = [
                {"org_id": unit.tenant, "id": new_id(), "stream_id": stream.id, **each} for each in taken.rejections
            ]
            unit.session.execute(insert(stream_rejection), rows)
        self._count(unit, stream, taken)

    def _count(self, unit: UnitOfWork, stream: Stream, taken: Taken) -> None:
        table, rejected = data_stream, len(taken.rejections)
        full = stream.waiting + taken.stored >= stream.max_records
        due = func.now() if full else func.now() + timedelta(seconds=stream.max_seconds)
        landing = {"land_at": func.least(func.coalesce(table.c.land_at, due), due)} if taken.stored else {}
        unit.session.execute(
            update(table)
            .where(table.c.id == stream.id)
            .values(
                batches=table.c.batches + 1,
                records_received=table.c.records_received + taken.received,
                records_rejected=table.c.records_rejected + rejected,
                last_record_at=func.now(),
                error="",
                **landing,
            )
        )
        minute = upsert(stream_minute).values(
            org_id=unit.tenant,
            stream_id=stream.id,
            minute=func.date_trunc("minute", func.now()),
            records_received=taken.received,
            records_rejected=rejected,
        )
        unit.session.execute(
            minute.on_conflict_do_update(
                index_elements=["org_id", "stream_id", "minute"],
                set_={
                    "records_received": stream_minute.c.records_received + taken.received,
                    "records_rejected": stream_minute.c.records_rejected + rejected,
                },
            )
        )

    def places(self, unit: UnitOfWork, stream_id: UUID, topic: str) -> dict[int, Place]:
        """How far the partitions of a topic are read."""
        table = stream_partition
        query = select(table.c.partition, table.c.next_offset, table.c.end_offset).where(
            table.c.stream_id == stream_id, table.c.topic == topic
        )
        rows = unit.session.execute(query.order_by(table.c.partition))
        return {row.partition: Place(row.partition, row.next_offset, row.end_offset) for row in rows}

    def set_places(self, unit: UnitOfWork, stream_id: UUID, topic: str, offsets: Mapping[int, int]) -> None:
        """Notes the offsets that are to be read next."""
        rows = [
            {"org_id": unit.tenant, "stream_id": stream_id, "topic": topic, "partition": number, "next_offset": offset}
            for number, offset in sorted(offsets.items())
        ]
        if rows:
            made = upsert(stream_partition)
            unit.session.execute(
                made.on_conflict_do_update(
                    index_elements=["org_id", "stream_id", "topic", "partition"],
                    set_={"next_offset": made.excluded.next_offset},
                ),
                rows,
            )

    def set_ends(self, unit: UnitOfWork, stream_id: UUID, topic: str, ends: Mapping[int, int]) -> None:
        """Notes where partitions end."""
        ends_by_partition = case(dict(ends), value=stream_partition.c.partition)
        unit.session.execute(
            update(stream_partition)
            .where(
                stream_partition.c.stream_id == stream_id,
                stream_partition.c.topic == topic,
                stream_partition.c.partition.in_(list(ends)),
            )
            .values(end_offset=ends_by_partition)
        )

    def delivery(self, unit: UnitOfWork, stream_id: UUID, delivery_id: str) -> tuple[bytes, int, int] | None:
        """Digest, stored and rejected records of a delivery that was taken."""
        table = stream_delivery
        query = select(table.c.digest, table.c.records_stored, table.c.records_rejected).where(
            table.c.stream_id == stream_id, table.c.delivery_id == delivery_id
        )
        row = unit.session.execute(query).first()
        return (bytes(row.digest), row.records_stored, row.records_rejected) if row is not None else None

    def add_delivery(self, unit: UnitOfWork, stream_id: UUID, delivery_id: str, digest: bytes, taken: Taken) -> None:
        """Notes that a delivery was taken."""
        unit.session.execute(
            insert(stream_delivery).values(
                org_id=unit.tenant,
                stream_id=stream_id,
                delivery_id=delivery_id,
                digest=digest,
                records_stored=taken.stored,
                records_rejected=len(taken.rejections),
            )
        )

    def waiting(self, unit: UnitOfWork, stream_id: UUID, most: int) -> tuple[int, list[Batch]]:
        """The oldest batches that wait and have one schema, with its version, up to about ``most`` records."""
        table = stream_batch
        query = select(table.c.number, table.c.schema_version, table.c.records_stored, table.c.records_rejected).where(
            table.c.stream_id == stream_id, table.c.landing.is_(None)
        )
        version, records, found = 0, 0, list[Batch]()
        for row in unit.session.execute(query.order_by(table.c.number)):
            if found and (row.schema_version != version or records + row.records_stored > most):
                break
            version, records = row.schema_version, records + row.records_stored
            found.append(Batch(row.number, row.records_stored, row.records_rejected))
        return version, found

    def content(self, unit: UnitOfWork, stream_id: UUID, number: int) -> bytes:
        """The records of a batch."""
        table = stream_batch
        query = select(table.c.content).where(table.c.stream_id == stream_id, table.c.number == number)
        return bytes(unit.session.execute(query).scalar_one() or b"")

    def land(
        self,
        unit: UnitOfWork,
        stream: Stream,
        batches: Sequence[Batch],
        dataset: tuple[UUID, int] | None,
    ) -> None:
        """Notes that batches are in a dataset version, or hold nothing, and empties them."""
        number, rows = stream.landings + 1, sum(each.stored for each in batches)
        dataset_id, version = dataset or (None, None)
        unit.session.execute(
            insert(stream_landing).values(
                org_id=unit.tenant,
                stream_id=stream.id,
                number=number,
                dataset_id=dataset_id,
                dataset_version=version,
                row_count=rows,
            )
        )
        table = stream_batch
        unit.session.execute(
            update(table)
            .where(
                table.c.stream_id == stream.id,
                table.c.number >= batches[0].number,
                table.c.number <= batches[-1].number,
            )
            .values(landing=number, content=None)
        )
        more = select(table.c.number).where(table.c.stream_id == stream.id, table.c.landing.is_(None)).exists()
        soon = func.now() if not stream.takes_records else func.now() + timedelta(seconds=stream.max_seconds)
        shown: dict[str, Any] = {}
        if dataset is not None:
            shown = {"dataset_id": dataset_id, "dataset_version": version}
        left = stream.waiting - rows
        values = {
            "landings": number,
            "records_landed": data_stream.c.records_landed + rows,
            "landing_job_id": None,
            "land_at": case((more, func.now() if left >= stream.max_records else soon), else_=None),
            **shown,
        }
        unit.session.execute(update(data_stream).where(data_stream.c.id == stream.id).values(**values))
