"""The rpcs of AttachmentService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from raia.ingest.v1 import attachment_pb2, attachment_service_pb2, attachment_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.attachments.converters import to_proto
from raia_ingest.attachments.service import AttachmentService
from raia_ingest.versions.servicer import given_out


class AttachmentServicer(attachment_service_pb2_grpc.AttachmentServiceServicer):
    """Documents that describe datasets."""

    def __init__(self, attachments: AttachmentService) -> None:
        self._attachments = attachments

    def UploadAttachment(
        self, request_iterator: Iterator[attachment_service_pb2.UploadAttachmentRequest], _context: grpc.ServicerContext
    ) -> attachment_pb2.Attachment:
        """Attaches a document."""
        return to_proto(*self._attachments.attach(current_call(), request_iterator))

    def ListAttachments(
        self, request: attachment_service_pb2.ListAttachmentsRequest, _context: grpc.ServicerContext
    ) -> attachment_service_pb2.ListAttachmentsResponse:
        """A page of documents."""
        found, columns, token = self._attachments.page(current_unit(), UUID(request.dataset_id), request)
        return attachment_service_pb2.ListAttachmentsResponse(
            attachments=[to_proto(each, columns, fields=False) for each in found], next_page_token=token
        )

    def GetAttachment(
        self, request: attachment_service_pb2.GetAttachmentRequest, _context: grpc.ServicerContext
    ) -> attachment_pb2.Attachment:
        """One document."""
        return to_proto(*self._attachments.get(current_unit(), UUID(request.dataset_id), UUID(request.id)))

    def DownloadAttachment(
        self, request: attachment_service_pb2.DownloadAttachmentRequest, context: grpc.ServicerContext
    ) -> Iterator[httpbody_pb2.HttpBody]:
        """A document's bytes."""
        wanted = str(dict(context.invocation_metadata() or ()).get("range", ""))
        file = self._attachments.file(current_call(), UUID(request.dataset_id), UUID(request.id), wanted)
        yield from given_out(file, context)

    def DeleteAttachment(
        self, request: attachment_service_pb2.DeleteAttachmentRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Takes a document off."""
        self._attachments.delete(current_unit(), UUID(request.dataset_id), UUID(request.id))
        return empty_pb2.Empty()
