"""The rpc of LineageService."""

from uuid import UUID

import grpc
from raia.ingest.v1 import lineage_pb2, lineage_service_pb2, lineage_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.lineage.converters import to_proto
from raia_ingest.lineage.service import DatasetLineageService


class LineageServicer(lineage_service_pb2_grpc.LineageServiceServicer):
    """The graph of what was made from what."""

    def __init__(self, lineage: DatasetLineageService) -> None:
        self._lineage = lineage

    def GetDatasetLineage(
        self, request: lineage_service_pb2.GetDatasetLineageRequest, _context: grpc.ServicerContext
    ) -> lineage_pb2.DatasetLineage:
        """The graph around a version."""
        return to_proto(
            *self._lineage.graph(
                current_unit(),
                current_call().authenticated,
                UUID(request.dataset_id),
                request.version,
                direction=request.direction,
                depth=request.depth,
            )
        )
