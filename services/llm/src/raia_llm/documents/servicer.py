"""The rpcs of DocumentService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.llm.v1 import document_pb2, document_service_pb2, document_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_llm.documents.converters import to_proto
from raia_llm.documents.service import DocumentService
from raia_llm.documents.upload import UploadService
from raia_llm.passages.converters import to_passage
from raia_llm.passages.service import SearchService


class DocumentServicer(document_service_pb2_grpc.DocumentServiceServicer):
    """Upload, list, look at, delete and search documents."""

    def __init__(self, documents: DocumentService, uploads: UploadService, searches: SearchService) -> None:
        self._documents, self._uploads, self._searches = documents, uploads, searches

    def UploadDocument(
        self,
        request_iterator: Iterator[document_service_pb2.UploadDocumentRequest],
        _context: grpc.ServicerContext,
    ) -> document_pb2.Document:
        """Takes a document."""
        return to_proto(self._uploads.upload(current_call(), request_iterator))

    def ListDocuments(
        self, request: document_service_pb2.ListDocumentsRequest, _context: grpc.ServicerContext
    ) -> document_service_pb2.ListDocumentsResponse:
        """A page of documents."""
        found, token = self._documents.page(current_unit(), current_call().authenticated, request)
        return document_service_pb2.ListDocumentsResponse(
            documents=[to_proto(document, listed=True) for document in found], next_page_token=token
        )

    def GetDocument(
        self, request: document_service_pb2.GetDocumentRequest, _context: grpc.ServicerContext
    ) -> document_pb2.Document:
        """One document."""
        return to_proto(self._documents.get(current_unit(), UUID(request.id)))

    def DeleteDocument(
        self, request: document_service_pb2.DeleteDocumentRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Deletes a document."""
        self._documents.delete(current_unit(), UUID(request.id))
        return empty_pb2.Empty()

    def SearchDocuments(
        self, request: document_service_pb2.SearchDocumentsRequest, _context: grpc.ServicerContext
    ) -> document_service_pb2.SearchDocumentsResponse:
        """Passages, best first."""
        ids = [UUID(each) for each in request.document_ids]
        found = self._searches.search(current_call(), request.query, request.limit or 10, ids)
        return document_service_pb2.SearchDocumentsResponse(passages=map(to_passage, found.passages))
