"""Models, which ml owns: their description, artefact and hold-out rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from raia.ml.v1 import artifact_service_pb2 as artifact_pb2
from raia.ml.v1 import artifact_service_pb2_grpc, model_pb2, model_service_pb2, model_service_pb2_grpc
from raia_kit.channels import ServiceChannels

from raia_explain.errors import model_changed, model_not_ready
from raia_explain.sources.files import FileCache, checked, key_of

ML = "ml"
_LARGEST_ARTIFACT = 2 * 1024**3


@dataclass(frozen=True)
class ModelVersion:
    """A model at one version, as far as explaining it goes."""

    id: UUID
    name: str
    version: int
    digest: str
    project_id: UUID | None
    kind: str
    """``classification`` or ``regression``."""
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    numeric: frozenset[str]
    """Those of the columns that it takes numbers from."""
    dataset_id: UUID | None
    """What it was trained from."""
    dataset_version: int
    target: str
    favourable_class: str


class ModelSource:
    """Asks ml."""

    def __init__(self, channels: ServiceChannels, files: FileCache) -> None:
        self._channels, self._files = channels, files

    def get(self, model_id: UUID, version: int = 0, token: str | None = None) -> ModelVersion:
        """The model at a version (production's, else the latest, when 0), for the caller or the bearer of ``token``.

        Raises what ml answers (``NotFound``, ``PermissionDenied``) and ``ModelUnsuitable`` when it has no version yet.
        """
        model = self._get(model_id, version, token)
        if not model.version:
            raise model_not_ready(model_id)
        return _version_of(model)

    def project_of(self, model_id: UUID) -> UUID | None:
        """The project of a model that the caller sees, whether it has a version or not; raises ``NotFound``."""
        return _project_of(self._get(model_id, 0, None))

    @contextmanager
    def artifact(self, model: ModelVersion, token: str) -> Iterator[Path]:
        """The artefact of the version in a file; raises ``ModelUnsuitable`` when ml has another one by now."""
        request = _request(model.id, model.version, "model")
        sha256 = self._describe(request, token)
        if sha256 != model.digest:
            raise model_changed(model.id, model.version)
        with self._files.file(
            key_of("artifact", sha256), lambda: checked(self._bytes(request, token), sha256), limit=_LARGEST_ARTIFACT
        ) as path:
            yield path

    def holdout(self, model_id: UUID, version: int, token: str) -> bytes:
        """The numbers of the hold-out rows, as little-endian int64."""
        return b"".join(self._bytes(_request(model_id, version, "holdout_rows"), token))

    def _get(self, model_id: UUID, version: int, token: str | None) -> model_pb2.Model:
        stub = self._channels.stub(model_service_pb2_grpc.ModelServiceStub, ML, token)
        return stub.GetModel(model_service_pb2.GetModelRequest(id=str(model_id), version=version))

    def _describe(self, request: artifact_pb2.ReadArtifactRequest, token: str) -> str:
        described = artifact_pb2.ReadArtifactRequest()
        described.CopyFrom(request)
        described.describe_only = True
        stub = self._channels.stub(artifact_service_pb2_grpc.ArtifactServiceStub, ML, token)
        return str(next(iter(stub.ReadArtifact(described))).sha256)

    def _bytes(self, request: artifact_pb2.ReadArtifactRequest, token: str) -> Iterator[bytes]:
        stub = self._channels.stub(artifact_service_pb2_grpc.ArtifactServiceStub, ML, token)
        for answer in stub.ReadArtifact(request):
            yield answer.data


def _request(model_id: UUID, version: int, part: str) -> artifact_pb2.ReadArtifactRequest:
    return artifact_pb2.ReadArtifactRequest(model_id=str(model_id), version=version, part=part)


def _version_of(model: model_pb2.Model) -> ModelVersion:
    training: Mapping[str, Any] = MessageToDict(model.training_data_info)
    dataset = str(training.get("dataset_id") or "")
    return ModelVersion(
        id=UUID(model.id),
        name=model.name,
        version=int(model.version),
        digest=model.digest,
        project_id=_project_of(model),
        kind=model.type,
        classes=tuple(model.signature.classes),
        columns=tuple(spec.name for spec in model.signature.inputs),
        numeric=frozenset(spec.name for spec in model.signature.inputs if spec.kind == "numeric"),
        dataset_id=UUID(dataset) if dataset else None,
        dataset_version=int(training.get("dataset_version") or 0),
        target=str(training.get("target") or ""),
        favourable_class=str(training.get("favourable_class") or ""),
    )


def _project_of(model: model_pb2.Model) -> UUID | None:
    return UUID(model.project_id) if model.project_id else None
