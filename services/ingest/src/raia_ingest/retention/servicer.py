"""The rpcs of RetentionService."""

from uuid import UUID

import grpc
from raia.ingest.v1 import dataset_pb2, retention_pb2, retention_service_pb2, retention_service_pb2_grpc
from raia_kit.context import current_unit

from raia_ingest.datasets.converters import to_proto
from raia_ingest.retention.domain import Policy
from raia_ingest.retention.service import RetentionService

pb2 = retention_service_pb2


class RetentionServicer(retention_service_pb2_grpc.RetentionServiceServicer):
    """How long versions are kept."""

    def __init__(self, retention: RetentionService) -> None:
        self._retention = retention

    def GetDatasetRetention(
        self, request: pb2.GetDatasetRetentionRequest, _context: grpc.ServicerContext
    ) -> retention_pb2.RetentionPolicy:
        """The policy that holds for a dataset."""
        return _message(self._retention.policy(current_unit(), UUID(request.dataset_id)))

    def SetDatasetRetention(
        self, request: pb2.SetDatasetRetentionRequest, _context: grpc.ServicerContext
    ) -> retention_pb2.RetentionPolicy:
        """A dataset's own policy."""
        policy = Policy(UUID(request.dataset_id), request.keep_versions, request.keep_days, request.force)
        return _message(self._retention.put(current_unit(), policy))

    def GetOrganisationRetention(
        self, _request: pb2.GetOrganisationRetentionRequest, _context: grpc.ServicerContext
    ) -> retention_pb2.RetentionPolicy:
        """The organisation's policy."""
        return _message(self._retention.policy(current_unit(), None))

    def SetOrganisationRetention(
        self, request: pb2.SetOrganisationRetentionRequest, _context: grpc.ServicerContext
    ) -> retention_pb2.RetentionPolicy:
        """The policy of datasets without one of their own."""
        policy = Policy(None, request.keep_versions, request.keep_days, request.force)
        return _message(self._retention.put(current_unit(), policy))

    def ArchiveDatasetVersion(
        self, request: pb2.ArchiveDatasetVersionRequest, _context: grpc.ServicerContext
    ) -> dataset_pb2.Dataset:
        """Archives one version now."""
        return to_proto(
            self._retention.archive(current_unit(), UUID(request.dataset_id), request.version, force=request.force)
        )


def _message(policy: Policy) -> retention_pb2.RetentionPolicy:
    source = "none" if policy.id is None else "dataset" if policy.dataset_id is not None else "organisation"
    message = retention_pb2.RetentionPolicy(
        dataset_id=str(policy.dataset_id or ""),
        keep_versions=policy.keep_versions,
        keep_days=policy.keep_days,
        force=policy.force,
        source=source,
    )
    if policy.updated_at is not None:
        message.updated_at.FromDatetime(policy.updated_at)
    return message
