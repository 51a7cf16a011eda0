"""The rpc of DatasetReader."""

from collections.abc import Iterator

import grpc
from raia.ingest.v1 import reader_service_pb2, reader_service_pb2_grpc
from raia_kit.context import current_call

from raia_ingest.rows.stream import RowStreamService


class ReaderServicer(reader_service_pb2_grpc.DatasetReaderServicer):
    """The only way by which rows leave the service in bulk."""

    def __init__(self, streams: RowStreamService) -> None:
        self._streams = streams

    def Read(
        self, request: reader_service_pb2.ReadRequest, _context: grpc.ServicerContext
    ) -> Iterator[reader_service_pb2.ReadResponse]:
        """Streams a version's rows."""
        return self._streams.read(current_call(), request)
