"""AccessService over gRPC."""

from collections.abc import Iterator

import grpc
from raia.auth.v1 import access_service_pb2, access_service_pb2_grpc

from raia_auth.access.service import AccessSnapshot


class AccessServicer(access_service_pb2_grpc.AccessServiceServicer):
    """Where processes load what they need to authorize calls."""

    def __init__(self, access: AccessSnapshot) -> None:
        self._access = access

    def GetSnapshot(
        self, _request: access_service_pb2.GetSnapshotRequest, _context: grpc.ServicerContext
    ) -> Iterator[access_service_pb2.AccessSnapshotPart]:
        """Everything, in parts."""
        return iter(self._access.parts())
