"""The rpcs of UploadService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ingest.v1 import upload_pb2, upload_service_pb2, upload_service_pb2_grpc, version_service_pb2
from raia_kit.context import current_call, current_unit

from raia_ingest.uploads.converters import part_to_proto, to_proto
from raia_ingest.uploads.service import PartedUploadService


class UploadServicer(upload_service_pb2_grpc.UploadServiceServicer):
    """Uploads in parts."""

    def __init__(self, uploads: PartedUploadService) -> None:
        self._uploads = uploads

    def CreateUpload(
        self, request: upload_service_pb2.CreateUploadRequest, _context: grpc.ServicerContext
    ) -> upload_pb2.Upload:
        """Opens an upload."""
        return to_proto(self._uploads.create(current_call(), current_unit(), request))

    def ListUploads(
        self, request: upload_service_pb2.ListUploadsRequest, _context: grpc.ServicerContext
    ) -> upload_service_pb2.ListUploadsResponse:
        """A page of the caller's uploads."""
        found, token = self._uploads.page(current_call(), current_unit(), request)
        return upload_service_pb2.ListUploadsResponse(
            uploads=[to_proto(session, parts=False) for session in found], next_page_token=token
        )

    def GetUpload(
        self, request: upload_service_pb2.GetUploadRequest, _context: grpc.ServicerContext
    ) -> upload_pb2.Upload:
        """An upload with its parts."""
        return to_proto(self._uploads.get(current_call(), UUID(request.id)))

    def PutUploadPart(
        self, request_iterator: Iterator[upload_service_pb2.PutUploadPartRequest], _context: grpc.ServicerContext
    ) -> upload_pb2.UploadPart:
        """Takes a part."""
        return part_to_proto(self._uploads.put_part(current_call(), request_iterator))

    def SignUploadPart(
        self, request: upload_service_pb2.SignUploadPartRequest, _context: grpc.ServicerContext
    ) -> version_service_pb2.SignedAddress:
        """An address that takes a part."""
        url, expires_at = self._uploads.sign_part(current_call(), UUID(request.id), request.number)
        answer = version_service_pb2.SignedAddress(url=url, method="PUT")
        answer.expires_at.FromDatetime(expires_at)
        return answer

    def CompleteUpload(
        self, request: upload_service_pb2.CompleteUploadRequest, _context: grpc.ServicerContext
    ) -> upload_pb2.Upload:
        """Has the parts put together."""
        return to_proto(self._uploads.complete(current_call(), UUID(request.id)))

    def AbortUpload(
        self, request: upload_service_pb2.AbortUploadRequest, _context: grpc.ServicerContext
    ) -> upload_pb2.Upload:
        """Ends an upload."""
        return to_proto(self._uploads.abort(current_call(), current_unit(), UUID(request.id)))
