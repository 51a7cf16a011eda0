"""The rpcs of CatalogService."""

from uuid import UUID

import grpc
from raia.ingest.v1 import catalog_service_pb2, catalog_service_pb2_grpc, dataset_pb2
from raia_kit.context import current_call, current_unit

from raia_ingest.catalog.converters import to_change, to_hit
from raia_ingest.catalog.searching import SearchService
from raia_ingest.catalog.service import CatalogService
from raia_ingest.datasets.converters import to_proto

pb2 = catalog_service_pb2


class CatalogServicer(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Describing datasets and finding them."""

    def __init__(self, catalog: CatalogService, found: SearchService) -> None:
        self._catalog, self._found = catalog, found

    def UpdateDataset(self, request: pb2.UpdateDatasetRequest, _context: grpc.ServicerContext) -> dataset_pb2.Dataset:
        """Changes a dataset."""
        change = to_change(request)
        return to_proto(self._catalog.update(current_unit(), current_call(), UUID(request.id), change, request.etag))

    def ListDatasetTags(
        self, request: pb2.ListDatasetTagsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListDatasetTagsResponse:
        """A page of tags."""
        found, token = self._catalog.tags(current_unit(), current_call(), request.page_size, request.page_token)
        tags = [pb2.DatasetTag(tag=each.tag, dataset_count=each.dataset_count) for each in found]
        return pb2.ListDatasetTagsResponse(tags=tags, next_page_token=token)

    def SearchDatasets(
        self, request: pb2.SearchDatasetsRequest, _context: grpc.ServicerContext
    ) -> pb2.SearchDatasetsResponse:
        """A page of what was found."""
        hits, token = self._found.search(
            current_unit(), current_call(), request.q, request.page_size, request.page_token
        )
        return pb2.SearchDatasetsResponse(hits=[to_hit(hit) for hit in hits], next_page_token=token)
