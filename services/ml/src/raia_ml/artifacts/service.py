"""The use case of artefacts: hand one to a service that acts for a user."""

from collections.abc import Iterator
from uuid import UUID

from raia.ml.v1 import artifact_service_pb2
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import NotFound
from raia_kit.objects import ObjectStore
from raia_kit.resources import AccessDecisions

from raia_ml.errors import missing, not_ready
from raia_ml.models.converters import to_proto
from raia_ml.models.domain import Model
from raia_ml.models.repository import ModelRepository

_PERMISSION = "models.read"


class ArtefactService:
    """Streams artefacts."""

    def __init__(
        self, database: Database, models: ModelRepository, objects: ObjectStore, access: AccessDecisions
    ) -> None:
        self._database, self._models, self._objects, self._access = database, models, objects, access

    def read(
        self, call: Call, model_id: UUID, version: int, part: str, *, describe_only: bool
    ) -> Iterator[artifact_service_pb2.ReadArtifactResponse]:
        """The model at the version first, then the part's bytes; raises ``NotFound``, ``NotReady``."""
        model = self._find(call, model_id, version)
        if model.version is None:
            raise not_ready(model_id)
        whole = part != "holdout_rows"
        key = model.version.object_key if whole else model.version.holdout_key
        sha256 = model.version.digest if whole else model.version.holdout_sha256
        yield artifact_service_pb2.ReadArtifactResponse(model=to_proto(model), sha256=sha256)
        if not describe_only:
            for data in self._objects.stream(key):
                yield artifact_service_pb2.ReadArtifactResponse(data=data)

    def _find(self, call: Call, model_id: UUID, version: int) -> Model:
        with self._database.unit_of_work(call.org_id) as unit:
            model = self._models.find(unit, model_id, version)
        if model is None:
            raise missing(model_id, version)
        caller = call.authenticated
        place = {"resource_type": "model", "resource_id": str(model_id)}
        if caller.user_id is not None and not self._access.allows(
            caller, _PERMISSION, project_id=model.project_id, **place
        ):
            raise NotFound.of("model", model_id)
        return model
