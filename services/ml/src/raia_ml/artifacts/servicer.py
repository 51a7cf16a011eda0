"""The rpc of ArtifactService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ml.v1 import artifact_service_pb2, artifact_service_pb2_grpc
from raia_kit.context import current_call

from raia_ml.artifacts.service import ArtefactService


class ArtifactServicer(artifact_service_pb2_grpc.ArtifactServiceServicer):
    """Hands artefacts to other services."""

    def __init__(self, artefacts: ArtefactService) -> None:
        self._artefacts = artefacts

    def ReadArtifact(
        self, request: artifact_service_pb2.ReadArtifactRequest, _context: grpc.ServicerContext
    ) -> Iterator[artifact_service_pb2.ReadArtifactResponse]:
        """Streams an artefact."""
        return self._artefacts.read(
            current_call(),
            UUID(request.model_id),
            request.version,
            request.part,
            describe_only=request.describe_only,
        )
