"""What a caller may do with a model of ml: the second step of authorization, made here and there."""

from uuid import UUID

from raia_kit.context import Call
from raia_kit.errors import PermissionDenied
from raia_kit.resources import AccessDecisions

from raia_explain.sources.models import ModelSource, ModelVersion


class ModelAccess:
    """Finds models for callers."""

    def __init__(self, models: ModelSource, access: AccessDecisions) -> None:
        self._models, self._access = models, access

    def require(self, call: Call, model_id: UUID, version: int) -> ModelVersion:
        """The model at a version, on which the caller holds the permission of the rpc at hand.

        Raises ``NotFound`` for a model that the caller does not see, ``PermissionDenied`` for one that they see and
        that the permission does not cover.
        """
        model = self._models.get(model_id, version)
        self._require(call, model_id, model.project_id)
        return model

    def require_model(self, call: Call, model_id: UUID) -> None:
        """The same for a model as a whole, which may have no version yet."""
        self._require(call, model_id, self._models.project_of(model_id))

    def _require(self, call: Call, model_id: UUID, project_id: UUID | None) -> None:
        permission = call.method.permission
        if not self._access.allows(
            call.authenticated,
            permission,
            project_id=project_id,
            resource_type="model",
            resource_id=str(model_id),
        ):
            raise PermissionDenied(
                f"{permission} is needed on this model",
                reason="PERMISSION_MISSING",
                metadata={"permission": permission, "resource_type": "model", "resource_id": str(model_id)},
            )
