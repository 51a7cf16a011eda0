"""The rpcs of ExportService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from raia.workspace.v1 import export_job_pb2, export_service_pb2, export_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_workspace.exports.converters import to_proto
from raia_workspace.exports.domain import CONTENT_TYPES, JSON, PDF
from raia_workspace.exports.service import ExportService


class ExportServicer(export_service_pb2_grpc.ExportServiceServicer):
    """The caller's exports."""

    def __init__(self, exports: ExportService) -> None:
        self._exports = exports

    def ExportPdf(
        self, request: export_service_pb2.ExportPdfRequest, _context: grpc.ServicerContext
    ) -> export_job_pb2.ExportJob:
        """Starts an export as PDF."""
        return to_proto(self._exports.start(current_call(), PDF, request.model_id, request.version))

    def ExportJson(
        self, request: export_service_pb2.ExportJsonRequest, _context: grpc.ServicerContext
    ) -> export_job_pb2.ExportJob:
        """Starts an export as JSON."""
        return to_proto(self._exports.start(current_call(), JSON, request.model_id, request.version))

    def ListExportJobs(
        self, request: export_service_pb2.ListExportJobsRequest, _context: grpc.ServicerContext
    ) -> export_service_pb2.ListExportJobsResponse:
        """A page of exports."""
        found, token = self._exports.page(current_unit(), current_call().user_id, request)
        return export_service_pb2.ListExportJobsResponse(
            jobs=[to_proto(export) for export in found], next_page_token=token
        )

    def GetExportJob(
        self, request: export_service_pb2.GetExportJobRequest, _context: grpc.ServicerContext
    ) -> export_job_pb2.ExportJob:
        """One export."""
        return to_proto(self._exports.get(current_unit(), current_call().user_id, UUID(request.id)))

    def WatchExportJob(
        self, request: export_service_pb2.WatchExportJobRequest, _context: grpc.ServicerContext
    ) -> Iterator[export_job_pb2.ExportJob]:
        """An export each time it changes."""
        for export in self._exports.watch(current_call(), UUID(request.id)):
            yield to_proto(export)

    def DownloadExport(
        self, request: export_service_pb2.DownloadExportRequest, context: grpc.ServicerContext
    ) -> Iterator[httpbody_pb2.HttpBody]:
        """An export's file; the gateway serves ranges of it by what the initial metadata say."""
        export, stored = self._exports.file(current_call(), UUID(request.id))
        pieces = self._exports.bytes_of(stored)
        facts = {
            "etag": stored.sha256,
            "file-size": str(stored.size),
            "content-disposition": f'attachment; filename="{export.filename}"',
        }
        for number, piece in enumerate(pieces):
            if number == 0:
                context.send_initial_metadata(tuple(facts.items()))
            yield httpbody_pb2.HttpBody(content_type=CONTENT_TYPES[export.format], data=piece)

    def DeleteExportJob(
        self, request: export_service_pb2.DeleteExportJobRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Deletes an export and its file."""
        self._exports.delete(current_unit(), current_call().user_id, UUID(request.id))
        return empty_pb2.Empty()
