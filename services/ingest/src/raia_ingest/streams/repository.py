"""Streams in PostgreSQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia.ingest.v1 import stream_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, func, insert, select, text, update

from raia_ingest.streams.domain import Stream
from raia_ingest.streams.tables import data_stream, stream_minute, stream_rejection

FIELDS = QueryFields(
    stream_pb2.Stream.DESCRIPTOR,
    {
        "id": data_stream.c.id,
        "name": data_stream.c.name,
        "source_type": data_stream.c.source_type,
        "status": data_stream.c.status,
        "created_at": data_stream.c.created_at,
        "updated_at": data_stream.c.updated_at,
        "project_id": data_stream.c.project_id,
    },
)
REJECTION_FIELDS = QueryFields(
    stream_pb2.StreamRejection.DESCRIPTOR,
    {
        "id": stream_rejection.c.id,
        "field": stream_rejection.c.field,
        "code": stream_rejection.c.code,
        "received_at": stream_rejection.c.received_at,
    },
)
_SHOWN_MINUTES = 60


class StreamRepository:
    """Reads and writes streams in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Stream], str]:
        """A page of the streams that the caller may see, and the token of the next."""
        table = data_stream
        visible = select(table).where(table.c.deleted_at.is_(None), visibility.clause(table.c.project_id, table.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_stream(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, stream_id: UUID, *, lock: bool = False, deleted: bool = False) -> Stream | None:
        """A stream, its row locked if asked; None when it is not there, or is deleted and such are not wanted."""
        query = select(data_stream).where(data_stream.c.id == stream_id)
        if not deleted:
            query = query.where(data_stream.c.deleted_at.is_(None))
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _stream(row) if row is not None else None

    def named(self, unit: UnitOfWork, project_id: UUID | None, name: str) -> UUID | None:
        """The stream of that name in a project; its name stays taken until the transaction ends."""
        unit.hold(f"stream {unit.tenant} {project_id} {name}")
        query = select(data_stream.c.id).where(
            data_stream.c.name == name,
            data_stream.c.project_id.is_not_distinct_from(project_id),
            data_stream.c.deleted_at.is_(None),
        )
        return unit.session.execute(query).scalar()

    def add(self, unit: UnitOfWork, values: Mapping[str, Any]) -> UUID:
        """Adds a stream and returns its id."""
        stream_id = new_id()
        unit.session.execute(insert(data_stream).values(org_id=unit.tenant, id=stream_id, **values))
        return stream_id

    def change(self, unit: UnitOfWork, stream_id: UUID, values: Mapping[str, Any]) -> None:
        """Changes what is set by hand."""
        self.note(unit, stream_id, {**values, "revision": data_stream.c.revision + 1, "updated_at": func.now()})

    def note(self, unit: UnitOfWork, stream_id: UUID, values: Mapping[str, Any]) -> None:
        """Changes columns, and no more."""
        unit.session.execute(update(data_stream).where(data_stream.c.id == stream_id).values(**values))

    def land_now(self, unit: UnitOfWork, stream: Stream) -> None:
        """Has what waits landed."""
        if stream.waiting:
            self.note(unit, stream.id, {"land_at": func.now()})

    def minutes(self, unit: UnitOfWork, stream_id: UUID) -> list[Row[Any]]:
        """Minutes of the last hour in which records came, oldest first."""
        table = stream_minute
        since = func.now() - text(f"interval '{_SHOWN_MINUTES} minutes'")
        query = select(table.c.minute, table.c.records_received, table.c.records_rejected).where(
            table.c.stream_id == stream_id, table.c.minute >= since
        )
        return list(unit.session.execute(query.order_by(table.c.minute)))

    def rate(self, unit: UnitOfWork, stream_id: UUID) -> float:
        """Records a second since the minute before this one began."""
        query = text(
            """
            select coalesce(sum(records_received), 0)
                / extract(epoch from clock_timestamp() - date_trunc('minute', now()) + interval '1 minute')
            from stream_minute
            where stream_id = :id and minute >= date_trunc('minute', now()) - interval '1 minute'
            """
        )
        return float(unit.session.execute(query, {"id": stream_id}).scalar_one())

    def rejections(self, unit: UnitOfWork, stream_id: UUID, request: ListRequest) -> tuple[list[Row[Any]], str]:
        """A page of a stream's rejections and the token of the next."""
        mine = select(stream_rejection).where(stream_rejection.c.stream_id == stream_id)
        found = list_page(
            unit.session, mine, REJECTION_FIELDS, request, default_order="received_at desc", scope=str(stream_id)
        )
        return list(found.rows), found.next_page_token


def _stream(row: Row[Any]) -> Stream:
    shown = row._mapping
    names = Stream.__dataclass_fields__.keys() - {"deleted"}
    return Stream(**{name: shown[name] for name in names}, deleted=shown["deleted_at"] is not None)
