"""The rpcs of StreamService."""

from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import stream_delivery_pb2, stream_pb2, stream_service_pb2, stream_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.streams.converters import plain, to_change, to_proto, to_rejection
from raia_ingest.streams.deliveries import DeliveryService
from raia_ingest.streams.service import StreamService

pb2 = stream_service_pb2


class StreamServicer(stream_service_pb2_grpc.StreamServiceServicer):
    """Streams and what they take."""

    def __init__(self, streams: StreamService, deliveries: DeliveryService) -> None:
        self._streams, self._deliveries = streams, deliveries

    def ListStreams(self, request: pb2.ListStreamsRequest, _context: grpc.ServicerContext) -> pb2.ListStreamsResponse:
        """A page of streams."""
        found, token = self._streams.page(current_unit(), current_call().authenticated, request)
        return pb2.ListStreamsResponse(streams=[to_proto(stream) for stream in found], next_page_token=token)

    def CreateStream(self, request: pb2.CreateStreamRequest, _context: grpc.ServicerContext) -> stream_pb2.Stream:
        """Makes a stream."""
        values = {
            "name": request.name,
            "description": request.description,
            "source_type": request.source_type,
            "connection_config": plain(request.connection_config),
            "schema_info": plain(request.schema_info),
            "landing": plain(request.landing),
            "project_id": UUID(request.project_id) if request.project_id else None,
        }
        return to_proto(self._streams.create(current_unit(), current_call().authenticated, values))

    def GetStream(self, request: pb2.GetStreamRequest, _context: grpc.ServicerContext) -> stream_pb2.Stream:
        """One stream."""
        return to_proto(self._streams.get(current_unit(), UUID(request.id)))

    def UpdateStream(self, request: pb2.UpdateStreamRequest, _context: grpc.ServicerContext) -> stream_pb2.Stream:
        """Changes a stream."""
        change = to_change(request)
        return to_proto(self._streams.update(current_unit(), UUID(request.id), change, request.etag))

    def DeleteStream(self, request: pb2.DeleteStreamRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Hides a stream."""
        self._streams.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()

    def StartStream(self, request: pb2.StartStreamRequest, _context: grpc.ServicerContext) -> stream_pb2.Stream:
        """Has it take records."""
        return to_proto(self._streams.start(current_unit(), UUID(request.id), accept_gap=request.accept_gap))

    def StopStream(self, request: pb2.StopStreamRequest, _context: grpc.ServicerContext) -> stream_pb2.Stream:
        """Ends that."""
        return to_proto(self._streams.stop(current_unit(), UUID(request.id)))

    def GetStreamMetrics(
        self, request: pb2.GetStreamMetricsRequest, _context: grpc.ServicerContext
    ) -> stream_pb2.StreamMetrics:
        """What it has taken."""
        return self._streams.metrics(current_unit(), UUID(request.id))

    def ListStreamRejections(
        self, request: pb2.ListStreamRejectionsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListStreamRejectionsResponse:
        """A page of rejected records."""
        found, token = self._streams.rejections(current_unit(), UUID(request.id), request)
        return pb2.ListStreamRejectionsResponse(rejections=[to_rejection(row) for row in found], next_page_token=token)

    def DeliverRecords(
        self, request: stream_delivery_pb2.DeliverRecordsRequest, _context: grpc.ServicerContext
    ) -> stream_delivery_pb2.Delivery:
        """Takes records."""
        return self._deliveries.deliver(current_call(), request)
