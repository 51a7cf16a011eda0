"""The rpcs of MappingRunService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import mapping_run_pb2, mapping_run_service_pb2, mapping_run_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.mapping_runs.converters import to_item, to_proto
from raia_ingest.mapping_runs.service import MappingRunService

pb2 = mapping_run_service_pb2


class MappingRunServicer(mapping_run_service_pb2_grpc.MappingRunServiceServicer):
    """Runs of mappings and their review queues."""

    def __init__(self, runs: MappingRunService) -> None:
        self._runs = runs

    def StartMappingRun(
        self, request: pb2.StartMappingRunRequest, _context: grpc.ServicerContext
    ) -> mapping_run_pb2.MappingRun:
        """Starts a run."""
        return to_proto(self._runs.start(current_unit(), UUID(request.mapping_id)))

    def ListMappingRuns(
        self, request: pb2.ListMappingRunsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListMappingRunsResponse:
        """A page of runs."""
        found, token = self._runs.page(current_unit(), current_call().authenticated, request)
        return pb2.ListMappingRunsResponse(mapping_runs=map(to_proto, found), next_page_token=token)

    def GetMappingRun(
        self, request: pb2.GetMappingRunRequest, _context: grpc.ServicerContext
    ) -> mapping_run_pb2.MappingRun:
        """One run."""
        return to_proto(self._runs.get(current_unit(), UUID(request.id)))

    def WatchMappingRun(
        self, request: pb2.WatchMappingRunRequest, _context: grpc.ServicerContext
    ) -> Iterator[mapping_run_pb2.MappingRun]:
        """A run each time it changes."""
        for shown in self._runs.watch(current_call(), UUID(request.id)):
            yield to_proto(shown)

    def CancelMappingRun(
        self, request: pb2.CancelMappingRunRequest, _context: grpc.ServicerContext
    ) -> mapping_run_pb2.MappingRun:
        """Ends a run."""
        return to_proto(self._runs.cancel(current_unit(), UUID(request.id)))

    def ListReviewItems(
        self, request: pb2.ListReviewItemsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListReviewItemsResponse:
        """A page of rejected records."""
        found, token = self._runs.items(current_unit(), UUID(request.id), request)
        return pb2.ListReviewItemsResponse(review_items=map(to_item, found), next_page_token=token)

    def ResolveReviewItem(
        self, request: pb2.ResolveReviewItemRequest, _context: grpc.ServicerContext
    ) -> mapping_run_pb2.ReviewItem:
        """Corrects or dismisses a rejected record."""
        run_id, item_id = UUID(request.id), UUID(request.item_id)
        return to_item(
            self._runs.resolve(current_unit(), run_id, item_id, request.action, MessageToDict(request.values))
        )

    def RetryMappingRun(
        self, request: pb2.RetryMappingRunRequest, _context: grpc.ServicerContext
    ) -> mapping_run_pb2.MappingRun:
        """Starts a run over rejected records."""
        return to_proto(self._runs.retry(current_unit(), UUID(request.id)))
