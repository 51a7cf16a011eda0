"""The events of documents; each is emitted after the document's row is locked."""

from raia.llm.events.v1 import document_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_llm.documents.domain import Document

TOPIC = "raia.llm.document"


def uploaded(unit: UnitOfWork, document: Document) -> None:
    """A file was stored and became a document."""
    message = events.DocumentUploaded(
        document_id=str(document.id), filename=document.filename, project_id=str(document.project_id or "")
    )
    unit.emit(message, key=str(document.id), topic=TOPIC)


def ready(unit: UnitOfWork, document: Document, chunk_count: int) -> None:
    """A document can be found."""
    message = events.DocumentReady(
        document_id=str(document.id),
        filename=document.filename,
        chunk_count=chunk_count,
        project_id=str(document.project_id or ""),
    )
    unit.emit(message, key=str(document.id), topic=TOPIC)


def failed(unit: UnitOfWork, document: Document, error: str) -> None:
    """A document could not be read."""
    message = events.DocumentFailed(
        document_id=str(document.id),
        filename=document.filename,
        error=error,
        project_id=str(document.project_id or ""),
    )
    unit.emit(message, key=str(document.id), topic=TOPIC)


def deleted(unit: UnitOfWork, document: Document) -> None:
    """A document was deleted."""
    message = events.DocumentDeleted(
        document_id=str(document.id), filename=document.filename, project_id=str(document.project_id or "")
    )
    unit.emit(message, key=str(document.id), topic=TOPIC)
