"""The rpcs of ProfileService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ingest.v1 import profile_pb2, profile_service_pb2, profile_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.profiles.converters import to_proto
from raia_ingest.profiles.service import ProfileService

_WAIT_SECONDS = 2.0


class ProfileServicer(profile_service_pb2_grpc.ProfileServiceServicer):
    """Profiles of dataset versions."""

    def __init__(self, profiles: ProfileService) -> None:
        self._profiles = profiles

    def GetDatasetProfile(
        self, request: profile_service_pb2.GetDatasetProfileRequest, _context: grpc.ServicerContext
    ) -> profile_pb2.DatasetProfile:
        """A profile, started if there is none."""
        seconds = request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else _WAIT_SECONDS
        return to_proto(*self._profiles.get(current_call(), UUID(request.dataset_id), request.version, seconds))

    def WatchDatasetProfile(
        self, request: profile_service_pb2.WatchDatasetProfileRequest, _context: grpc.ServicerContext
    ) -> Iterator[profile_pb2.DatasetProfile]:
        """A profile each time it changes."""
        for shown in self._profiles.watch(current_call(), UUID(request.dataset_id), request.version):
            yield to_proto(*shown)

    def CancelDatasetProfile(
        self, request: profile_service_pb2.CancelDatasetProfileRequest, _context: grpc.ServicerContext
    ) -> profile_pb2.DatasetProfile:
        """Ends a profile that is not finished."""
        return to_proto(*self._profiles.cancel(current_unit(), UUID(request.dataset_id), request.version))
