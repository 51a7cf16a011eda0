"""Uploads in parts in PostgreSQL."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from raia.ingest.v1 import upload_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.uploads.domain import COMPLETING, EXPIRED, OPEN, Part, UploadSession
from raia_ingest.uploads.tables import upload, upload_part

_STATUS = case(((upload.c.status == OPEN) & (upload.c.expires_at < func.now()), EXPIRED), else_=upload.c.status)
_COLUMNS = [column for column in upload.c if column.name not in ("org_id", "status")]
FIELDS = QueryFields(
    upload_pb2.Upload.DESCRIPTOR,
    {
        "id": upload.c.id,
        "name": upload.c.name,
        "filename": upload.c.filename,
        "project_id": upload.c.project_id,
        "status": _STATUS,
        "created_at": upload.c.created_at,
    },
)


class UploadRepository:
    """Reads and writes uploads in the unit of work that it is given."""

    def create(self, unit: UnitOfWork, values: Mapping[str, Any], expires_at: datetime) -> UUID:
        """Opens an upload."""
        upload_id = new_id()
        row = {**values, "org_id": unit.tenant, "id": upload_id, "status": OPEN, "expires_at": expires_at}
        unit.session.execute(insert(upload).values(row))
        return upload_id

    def page(self, unit: UnitOfWork, user_id: UUID, request: ListRequest) -> tuple[list[UploadSession], str]:
        """A page of a user's uploads, without their parts, and the token of the next."""
        mine = select(*_COLUMNS, _STATUS.label("status")).where(upload.c.created_by == user_id)
        found = list_page(unit.session, mine, FIELDS, request)
        return [_session(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, upload_id: UUID, *, lock: bool = False) -> UploadSession | None:
        """An upload with the parts that came through the platform; None when it is not there."""
        query = select(*_COLUMNS, _STATUS.label("status")).where(upload.c.id == upload_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        if row is None:
            return None
        parts = unit.session.execute(
            select(upload_part).where(upload_part.c.upload_id == upload_id).order_by(upload_part.c.number)
        )
        found = tuple(Part(part.number, part.size, part.sha256, part.object_key) for part in parts)
        return replace(_session(row), parts=found)

    def put_part(self, unit: UnitOfWork, upload_id: UUID, part: Part) -> None:
        """Adds a part, or replaces one of the same number."""
        values = {"size": part.size, "sha256": part.sha256, "object_key": part.object_key}
        unit.session.execute(
            insert(upload_part)
            .values(org_id=unit.tenant, upload_id=upload_id, number=part.number, **values)
            .on_conflict_do_update(index_elements=["org_id", "upload_id", "number"], set_=values)
        )

    def change(self, unit: UnitOfWork, upload_id: UUID, **values: Any) -> None:
        """Changes an upload's row."""
        unit.session.execute(update(upload).where(upload.c.id == upload_id).values(**values))

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of the parts of uploads that may still be completed."""
        query = select(upload_part.c.object_key).join(
            upload, (upload.c.org_id == upload_part.c.org_id) & (upload.c.id == upload_part.c.upload_id)
        )
        yield from unit.session.execute(query.where(_STATUS.in_([OPEN, COMPLETING]))).scalars()


def _session(row: Any) -> UploadSession:
    return UploadSession(
        id=row.id,
        created_by=row.created_by,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        filename=row.filename,
        file_size=row.file_size,
        sha256=row.sha256,
        options=row.read_options,
        direct=row.direct,
        status=row.status,
        error=row.error,
        dataset_id=row.dataset_id,
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
