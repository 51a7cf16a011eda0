"""How a document is found for the second step of authorization."""

from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.resources import Located

from raia_llm.documents.repository import DocumentRepository


class DocumentGuard:
    """Looks documents up."""

    def __init__(self, documents: DocumentRepository) -> None:
        self._documents = documents

    def locate(self, unit: UnitOfWork, resource_id: str) -> Located | None:
        """The document's project, or None when the organisation has no such document."""
        found = self._documents.project_of(unit, UUID(resource_id))
        return Located(project_id=found[0]) if found is not None else None
