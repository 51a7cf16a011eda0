"""The rpcs of DatasetService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import dataset_pb2, dataset_service_pb2, dataset_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.datasets.converters import to_proto
from raia_ingest.datasets.service import DatasetService
from raia_ingest.datasets.upload import UploadService
from raia_ingest.rows.preview import PreviewService


class DatasetServicer(dataset_service_pb2_grpc.DatasetServiceServicer):
    """Upload, list, look at and delete datasets."""

    def __init__(self, datasets: DatasetService, uploads: UploadService, previews: PreviewService) -> None:
        self._datasets, self._uploads, self._previews = datasets, uploads, previews

    def UploadDataset(
        self,
        request_iterator: Iterator[dataset_service_pb2.UploadDatasetRequest],
        _context: grpc.ServicerContext,
    ) -> dataset_pb2.Dataset:
        """Takes a file."""
        return to_proto(self._uploads.upload(current_call(), request_iterator))

    def ListDatasets(
        self,
        request: dataset_service_pb2.ListDatasetsRequest,
        _context: grpc.ServicerContext,
    ) -> dataset_service_pb2.ListDatasetsResponse:
        """A page of datasets."""
        found, token = self._datasets.page(current_unit(), current_call().authenticated, request)
        return dataset_service_pb2.ListDatasetsResponse(
            datasets=[to_proto(dataset, schema=False) for dataset in found], next_page_token=token
        )

    def GetDataset(
        self,
        request: dataset_service_pb2.GetDatasetRequest,
        _context: grpc.ServicerContext,
    ) -> dataset_pb2.Dataset:
        """One dataset."""
        return to_proto(self._datasets.get(current_unit(), UUID(request.id), request.version))

    def DeleteDataset(
        self,
        request: dataset_service_pb2.DeleteDatasetRequest,
        _context: grpc.ServicerContext,
    ) -> empty_pb2.Empty:
        """Hides a dataset."""
        self._datasets.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()

    def PreviewDataset(
        self,
        request: dataset_service_pb2.PreviewDatasetRequest,
        _context: grpc.ServicerContext,
    ) -> dataset_service_pb2.PreviewDatasetResponse:
        """A page of rows."""
        return self._previews.page(current_call(), request)
