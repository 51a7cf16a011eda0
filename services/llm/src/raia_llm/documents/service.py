"""Use cases of documents: list, get, delete."""

from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound
from raia_kit.jobs import JobQueue
from raia_kit.pagination import ListRequest

from raia_llm.documents import events
from raia_llm.documents.domain import PROCESSING, READY, Document
from raia_llm.documents.repository import DocumentRepository
from raia_llm.passages.corpus import CorpusRepository


class DocumentService:
    """What can be done with documents but uploading and searching them."""

    def __init__(
        self, documents: DocumentRepository, corpus: CorpusRepository, jobs: JobQueue, access: AccessIndex
    ) -> None:
        self._documents, self._corpus, self._jobs, self._access = documents, corpus, jobs, access

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Document], str]:
        """A page of the documents that the caller may see, and the token of the next."""
        visibility = self._access.visible_projects(caller, "documents.read", "document")
        return self._documents.page(unit, visibility, request)

    def get(self, unit: UnitOfWork, document_id: UUID) -> Document:
        """One document with the beginning of its text; raises ``NotFound``."""
        found = self._documents.find(unit, document_id)
        if found is None:
            raise NotFound.of("document", document_id)
        return found

    def delete(self, unit: UnitOfWork, document_id: UUID) -> None:
        """Deletes the document with its passages and stops what still reads it; raises ``NotFound``."""
        document = self._documents.lock(unit, document_id)
        if document is None:
            raise NotFound.of("document", document_id)
        if document.status == READY:
            self._corpus.lock(unit)
            self._corpus.discount(unit, document_id, document.chunk_count)
        self._documents.delete(unit, document_id)
        if document.status == PROCESSING and document.job_id is not None:
            # After the row is gone: a document that is deleted does not fail.
            self._jobs.cancel(unit, document.job_id)
        events.deleted(unit, document)
