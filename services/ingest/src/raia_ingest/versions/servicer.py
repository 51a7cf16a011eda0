"""The rpcs of DatasetVersionService."""

from collections.abc import Iterator
from urllib.parse import quote
from uuid import UUID

import grpc
from google.api import httpbody_pb2
from raia.ingest.v1 import dataset_pb2, version_pb2, version_service_pb2, version_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.datasets.converters import to_proto as dataset_to_proto
from raia_ingest.versions.converters import to_proto
from raia_ingest.versions.service import FileOnItsWay, VersionService


class VersionServicer(version_service_pb2_grpc.DatasetVersionServiceServicer):
    """Versions, their ledgers and files."""

    def __init__(self, versions: VersionService) -> None:
        self._versions = versions

    def ListDatasetVersions(
        self, request: version_service_pb2.ListDatasetVersionsRequest, _context: grpc.ServicerContext
    ) -> version_service_pb2.ListDatasetVersionsResponse:
        """A page of versions."""
        found, shown, token = self._versions.page(current_unit(), request)
        return version_service_pb2.ListDatasetVersionsResponse(
            versions=[to_proto(dataset, shown) for dataset in found], next_page_token=token
        )

    def ListLedgerEntries(
        self, request: version_service_pb2.ListLedgerEntriesRequest, _context: grpc.ServicerContext
    ) -> version_service_pb2.ListLedgerEntriesResponse:
        """A page of a ledger."""
        page = self._versions.ledger(current_call(), request)
        return version_service_pb2.ListLedgerEntriesResponse(
            dataset_id=str(page.dataset.id),
            version=page.dataset.version.number,
            entries=[version_pb2.LedgerEntry(**entry) for entry in page.entries],
            next_page_token=page.next_page_token,
            **page.counts,
        )

    def DownloadDatasetFile(
        self, request: version_service_pb2.DownloadDatasetFileRequest, context: grpc.ServicerContext
    ) -> Iterator[httpbody_pb2.HttpBody]:
        """A version's file."""
        wanted = dict(context.invocation_metadata() or ()).get("range", "")
        file = self._versions.file(current_call(), UUID(request.dataset_id), request.version, str(wanted))
        yield from given_out(file, context)

    def SignDatasetFile(
        self, request: version_service_pb2.SignDatasetFileRequest, _context: grpc.ServicerContext
    ) -> version_service_pb2.SignedAddress:
        """An address of a version's file."""
        url, expires_at = self._versions.sign(current_call(), UUID(request.dataset_id), request.version)
        answer = version_service_pb2.SignedAddress(url=url, method="GET")
        answer.expires_at.FromDatetime(expires_at)
        return answer

    def CreateDatasetFromPart(
        self, request: version_service_pb2.CreateDatasetFromPartRequest, _context: grpc.ServicerContext
    ) -> dataset_pb2.Dataset:
        """A dataset of another table in a version's file."""
        return dataset_to_proto(self._versions.of_part(current_unit(), current_call().user_id, request))


def given_out(file: FileOnItsWay, context: grpc.ServicerContext) -> Iterator[httpbody_pb2.HttpBody]:
    """A file's bytes in messages; the gateway learns from the initial metadata what it needs to serve ranges."""
    facts = {
        "etag": file.sha256,
        "file-size": str(file.size),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.filename or 'file', safe='')}",
    }
    if not file.whole:
        facts["content-range"] = f"bytes {file.start}-{file.end - 1}/{file.size}"
    context.send_initial_metadata(tuple(facts.items()))
    for piece in file.pieces:
        yield httpbody_pb2.HttpBody(content_type="application/octet-stream", data=piece)
