"""Documents in PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from raia.llm.v1 import document_pb2
from raia_kit.access import Visibility
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest, list_page
from sqlalchemy import Row, Select, delete, func, insert, literal, select, update

from raia_llm.documents.domain import FAILED, PROCESSING, READY, Document, Reading, Upload
from raia_llm.documents.tables import document

FIELDS = QueryFields(
    document_pb2.Document.DESCRIPTOR,
    {
        "id": document.c.id,
        "filename": document.c.filename,
        "uploaded_by": document.c.uploaded_by,
        "created_at": document.c.created_at,
        "status": document.c.status,
        "file_type": document.c.file_type,
        "file_size": document.c.file_size,
        "project_id": document.c.project_id,
    },
)
_COLUMNS = [column for column in document.c if column.name not in ("org_id", "content")]


class DocumentRepository:
    """Reads and writes documents in the unit of work that it is given."""

    def page(self, unit: UnitOfWork, visibility: Visibility, request: ListRequest) -> tuple[list[Document], str]:
        """A page of the documents that the caller may see, without their text, and the token of the next."""
        visible = _documents(content=False).where(visibility.clause(document.c.project_id, document.c.id))
        found = list_page(unit.session, visible, FIELDS, request)
        return [_document(row) for row in found.rows], found.next_page_token

    def find(self, unit: UnitOfWork, document_id: UUID) -> Document | None:
        """A document with the beginning of its text; None when it is not there."""
        row = unit.session.execute(_documents(content=True).where(document.c.id == document_id)).first()
        return _document(row) if row is not None else None

    def lock(self, unit: UnitOfWork, document_id: UUID) -> Document | None:
        """A document without its text, its row locked until the transaction ends."""
        query = _documents(content=False).where(document.c.id == document_id).with_for_update()
        row = unit.session.execute(query).first()
        return _document(row) if row is not None else None

    def project_of(self, unit: UnitOfWork, document_id: UUID) -> tuple[UUID | None] | None:
        """The project of a document, as a tuple; None when there is no such document."""
        row = unit.session.execute(select(document.c.project_id).where(document.c.id == document_id)).first()
        return (row.project_id,) if row is not None else None

    def unseen(self, unit: UnitOfWork, visibility: Visibility, document_ids: Sequence[UUID]) -> UUID | None:
        """The first of these documents that is not there for the caller; None when all are."""
        visible = visibility.clause(document.c.project_id, document.c.id)
        query = select(document.c.id).where(document.c.id.in_(document_ids), visible)
        seen = set(unit.session.execute(query).scalars())
        return next((each for each in document_ids if each not in seen), None)

    def add(self, unit: UnitOfWork, upload: Upload, uploaded_by: UUID | None) -> Document:
        """Adds a document that is being read."""
        document_id = new_id()
        unit.session.execute(
            insert(document).values(
                org_id=unit.tenant,
                id=document_id,
                project_id=upload.project_id,
                filename=upload.filename,
                file_type=upload.file_type,
                file_size=upload.file_size,
                sha256=upload.sha256,
                object_key=upload.object_key,
                status=PROCESSING,
                uploaded_by=uploaded_by,
            )
        )
        found = self.find(unit, document_id)
        if found is None:
            raise LookupError("a document that was just added is not there")
        return found

    def set_job(self, unit: UnitOfWork, document_id: UUID, job_id: int) -> None:
        """Notes which job reads the document."""
        unit.session.execute(update(document).where(document.c.id == document_id).values(job_id=job_id))

    def mark_ready(self, unit: UnitOfWork, document_id: UUID, reading: Reading) -> bool:
        """Makes a document that is being read ready; False when it is not being read."""
        return self._end(
            unit,
            document_id,
            status=READY,
            file_type=reading.file_type,
            metadata=dict(reading.metadata),
            content=reading.content,
            character_count=reading.character_count,
            chunk_count=reading.chunk_count,
            text_key=reading.text_key,
        )

    def mark_failed(self, unit: UnitOfWork, document_id: UUID, error: str) -> bool:
        """Ends a document that is being read with an error; False when it is not being read."""
        return self._end(unit, document_id, status=FAILED, error=error)

    def delete(self, unit: UnitOfWork, document_id: UUID) -> None:
        """Deletes a document with its chunks."""
        unit.session.execute(delete(document).where(document.c.id == document_id))

    def is_referenced(self, unit: UnitOfWork, key: str) -> bool:
        """Whether a document of the organisation refers to an object."""
        query = select(document.c.id).where((document.c.object_key == key) | (document.c.text_key == key))
        return unit.session.execute(query.limit(1)).first() is not None

    def references(self, unit: UnitOfWork) -> Iterable[str]:
        """The keys of all objects that documents of the organisation refer to."""
        for row in unit.session.execute(select(document.c.object_key, document.c.text_key)):
            yield row.object_key
            if row.text_key is not None:
                yield row.text_key

    def _end(self, unit: UnitOfWork, document_id: UUID, **values: Any) -> bool:
        done = unit.session.execute(
            update(document)
            .where(document.c.id == document_id, document.c.status == PROCESSING)
            .values(**values, revision=document.c.revision + 1, updated_at=func.now())
            .returning(document.c.id)
        ).first()
        return done is not None


def _documents(*, content: bool) -> Select[Any]:
    shown = document.c.content if content else literal("").label("content")
    return select(*_COLUMNS, shown)


def _document(row: Row[Any]) -> Document:
    return Document(
        id=row.id,
        project_id=row.project_id,
        filename=row.filename,
        file_type=row.file_type,
        file_size=row.file_size,
        sha256=row.sha256,
        object_key=row.object_key,
        text_key=row.text_key,
        status=row.status,
        error=row.error,
        content=row.content,
        metadata=row.metadata,
        character_count=row.character_count,
        chunk_count=row.chunk_count,
        job_id=row.job_id,
        uploaded_by=row.uploaded_by,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
