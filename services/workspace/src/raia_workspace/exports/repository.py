"""Exports in PostgreSQL; whoever asks gets their own alone."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from raia.workspace.v1 import export_job_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, delete, func, insert, select, update

from raia_workspace.exports.domain import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED, Export, Stored
from raia_workspace.exports.tables import export_job as table

FIELDS = QueryFields(
    export_job_pb2.ExportJob.DESCRIPTOR,
    {
        "id": table.c.id,
        "format": table.c.format,
        "status": table.c.status,
        "created_at": table.c.created_at,
    },
)


class ExportRepository:
    """Reads and writes exports in the unit of work that it is given."""

    def create(
        self, unit: UnitOfWork, user_id: UUID, *, format_: str, model_id: UUID, version: int, filename: str
    ) -> UUID:
        """Adds a pending export and answers its id."""
        export_id = new_id()
        row = {
            "org_id": unit.tenant,
            "id": export_id,
            "format": format_,
            "status": PENDING,
            "model_id": model_id,
            "version": version,
            "filename": filename,
            "created_by": user_id,
        }
        unit.session.execute(insert(table).values(row))
        return export_id

    def page(self, unit: UnitOfWork, user_id: UUID, request: ListRequest) -> tuple[list[Export], str]:
        """A page of a user's exports, newest first unless ordered otherwise, and the token of the next."""
        mine = select(table).where(table.c.created_by == user_id)
        found = list_page(unit.session, mine, FIELDS, request, scope=str(user_id))
        return [_export(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, export_id: UUID, *, lock: bool = False) -> Export | None:
        """An export, whoever's it is, its row locked if asked."""
        query = select(table).where(table.c.id == export_id)
        row = unit.session.execute(query.with_for_update() if lock else query).first()
        return _export(row) if row is not None else None

    def set_job(self, unit: UnitOfWork, export_id: UUID, job_id: int) -> None:
        """Notes which job makes the export."""
        unit.session.execute(update(table).where(table.c.id == export_id).values(job_id=job_id))

    def set_progress(self, unit: UnitOfWork, export_id: UUID, progress: float) -> None:
        """Notes how far an export is; an ended one keeps what it has."""
        unit.session.execute(
            update(table)
            .where(table.c.id == export_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=RUNNING, progress=func.greatest(table.c.progress, progress))
        )

    def succeed(self, unit: UnitOfWork, export_id: UUID, stored: Stored, omissions: Sequence[str]) -> bool:
        """Ends an export with its file; False when it has ended otherwise."""
        return self._end(
            unit,
            export_id,
            SUCCEEDED,
            progress=1.0,
            object_key=stored.key,
            sha256=stored.sha256,
            file_size=stored.size,
            omissions=list(omissions),
        )

    def fail(self, unit: UnitOfWork, export_id: UUID, error: str) -> bool:
        """Ends an export with an error; False when it has ended otherwise."""
        return self._end(unit, export_id, FAILED, error=error)

    def cancel(self, unit: UnitOfWork, export_id: UUID) -> bool:
        """Ends an export as cancelled; False when it has ended otherwise."""
        return self._end(unit, export_id, CANCELLED)

    def delete(self, unit: UnitOfWork, export_id: UUID) -> None:
        """Deletes the row."""
        unit.session.execute(delete(table).where(table.c.id == export_id))

    def refers(self, unit: UnitOfWork, key: str) -> bool:
        """Whether any export's file is this object."""
        return unit.session.execute(select(table.c.id).where(table.c.object_key == key).limit(1)).first() is not None

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The objects of all exports of the organisation."""
        return unit.session.execute(select(table.c.object_key).where(table.c.object_key.is_not(None))).scalars()

    def _end(self, unit: UnitOfWork, export_id: UUID, status: str, **values: Any) -> bool:
        row = unit.session.execute(
            update(table)
            .where(table.c.id == export_id, table.c.status.in_((PENDING, RUNNING)))
            .values(status=status, completed_at=func.now(), **values)
            .returning(table.c.id)
        ).first()
        return row is not None


def _export(row: Row[Any]) -> Export:
    return Export(
        id=row.id,
        format=row.format,
        status=row.status,
        progress=row.progress,
        error=row.error,
        model_id=row.model_id,
        version=row.version,
        filename=row.filename,
        job_id=row.job_id,
        created_by=row.created_by,
        created_at=row.created_at,
        completed_at=row.completed_at,
        omissions=row.omissions,
        stored=Stored(row.object_key, row.sha256, row.file_size) if row.object_key is not None else None,
    )
