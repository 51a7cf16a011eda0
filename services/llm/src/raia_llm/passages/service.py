"""The use case of searching."""

from collections.abc import Sequence
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import NotFound

from raia_llm.documents.repository import DocumentRepository
from raia_llm.embedding.queries import QueryEmbedder
from raia_llm.embedding.words import words_of
from raia_llm.passages.domain import Found
from raia_llm.passages.repository import PassageRepository
from raia_llm.passages.weighing import WeighingJobs

_PERMISSION = "documents.read"


class SearchService:
    """Finds passages by meaning and by words at once, in what the caller may see."""

    def __init__(
        self,
        *,
        database: Database,
        documents: DocumentRepository,
        passages: PassageRepository,
        embedder: QueryEmbedder,
        weighing: WeighingJobs,
        access: AccessIndex,
    ) -> None:
        self._database, self._documents, self._passages = database, documents, passages
        self._embedder, self._weighing, self._access = embedder, weighing, access

    def search(self, call: Call, query: str, most: int, document_ids: Sequence[UUID] = ()) -> Found:
        """Up to ``most`` passages, best first; raises ``NotFound`` for a document that is not there for the caller."""
        visibility = self._access.visible_projects(call.authenticated, _PERMISSION, "document")
        with self._database.unit_of_work(call.org_id) as unit:
            missing = self._documents.unseen(unit, visibility, document_ids) if document_ids else None
            if missing is not None:
                raise NotFound.of("document", missing)
            # Whoever searches after the embedder was changed sets off the work that makes searches whole again.
            self._weighing.consider(unit)
            question = self._passages.analyse(unit, query, list(words_of(query)))
        # No connection is held while a model may compute.
        embedding = self._embedder.embed(query, question.weights)
        with self._database.unit_of_work(call.org_id) as unit:
            passages = self._passages.search(
                unit,
                question,
                embedding,
                visibility,
                embedder=self._embedder.name,
                furthest=self._embedder.furthest,
                most=most,
                document_ids=document_ids,
            )
        return Found(question, passages)
