"""Documents between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.llm.v1 import document_pb2

from raia_llm.documents.domain import Document


def to_proto(document: Document, *, listed: bool = False) -> document_pb2.Document:
    """The document as the contract has it; lists leave out what grows with the document."""
    message = document_pb2.Document(
        id=str(document.id),
        filename=document.filename,
        content=document.content,
        uploaded_by=str(document.uploaded_by or ""),
        status=document.status,
        error=document.error,
        file_type=document.file_type,
        file_size=document.file_size,
        character_count=document.character_count,
        chunk_count=document.chunk_count,
        project_id=str(document.project_id or ""),
        sha256=document.sha256,
        etag=document.etag,
    )
    message.created_at.FromDatetime(document.created_at)
    message.updated_at.FromDatetime(document.updated_at)
    shown = {name: value for name, value in document.metadata.items() if not listed or not isinstance(value, list)}
    ParseDict(shown, message.metadata)
    return message
