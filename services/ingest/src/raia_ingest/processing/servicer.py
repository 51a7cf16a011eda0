"""The rpcs of ProcessingService."""

from uuid import UUID

import grpc
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import processing_pb2, processing_service_pb2, processing_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.processing.converters import to_result, to_routing
from raia_ingest.processing.service import ProcessingService


class ProcessingServicer(processing_service_pb2_grpc.ProcessingServiceServicer):
    """Routing and processing of files."""

    def __init__(self, processing: ProcessingService) -> None:
        self._processing = processing

    def GetRouting(
        self, request: processing_service_pb2.GetRoutingRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.Routing:
        """Where a version was routed."""
        return to_routing(self._processing.routing(current_unit(), UUID(request.dataset_id), request.version))

    def CorrectRouting(
        self, request: processing_service_pb2.CorrectRoutingRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.Routing:
        """A person's decision."""
        dataset_id = UUID(request.dataset_id)
        return to_routing(self._processing.correct(current_unit(), dataset_id, request.version, request.category))

    def StartProcessing(
        self, request: processing_service_pb2.StartProcessingRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.ProcessingResult:
        """A processor of one's choice."""
        options = MessageToDict(request.options)
        dataset_id = UUID(request.dataset_id)
        started = self._processing.start(current_unit(), dataset_id, request.version, request.processor, options)
        return to_result(started)

    def ListProcessingResults(
        self, request: processing_service_pb2.ListProcessingResultsRequest, _context: grpc.ServicerContext
    ) -> processing_service_pb2.ListProcessingResultsResponse:
        """A page of results."""
        found, token = self._processing.page(current_unit(), current_call().authenticated, request)
        return processing_service_pb2.ListProcessingResultsResponse(
            processing_results=[to_result(each, figures=False) for each in found], next_page_token=token
        )

    def GetProcessingResult(
        self, request: processing_service_pb2.GetProcessingResultRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.ProcessingResult:
        """One result."""
        return to_result(self._processing.get(current_unit(), UUID(request.id)))

    def RetryProcessing(
        self, request: processing_service_pb2.RetryProcessingRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.ProcessingResult:
        """A failed one anew."""
        return to_result(self._processing.retry(current_unit(), UUID(request.id)))

    def CancelProcessing(
        self, request: processing_service_pb2.CancelProcessingRequest, _context: grpc.ServicerContext
    ) -> processing_pb2.ProcessingResult:
        """The end of one that is not finished."""
        return to_result(self._processing.cancel(current_unit(), UUID(request.id)))

    def ListProcessors(
        self, _request: processing_service_pb2.ListProcessorsRequest, _context: grpc.ServicerContext
    ) -> processing_service_pb2.ListProcessorsResponse:
        """What is installed."""
        found = [processing_pb2.Processor(name=name, origin=origin) for name, origin in self._processing.installed()]
        return processing_service_pb2.ListProcessorsResponse(processors=found)
