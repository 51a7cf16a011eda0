"""Use cases of the registry: list and look at models."""

from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.pagination import ListRequest

from raia_ml.errors import missing
from raia_ml.models.domain import Model
from raia_ml.models.repository import ModelRepository


class ModelService:
    """Reads models."""

    def __init__(self, models: ModelRepository, access: AccessIndex) -> None:
        self._models, self._access = models, access

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Model], str]:
        """A page of the models that the caller may see, and the token of the next."""
        return self._models.page(unit, self._access.visible_projects(caller, "models.read", "model"), request)

    def get(self, unit: UnitOfWork, model_id: UUID, version: int) -> Model:
        """One model at one version; raises ``NotFound``."""
        found = self._models.find(unit, model_id, version)
        if found is None:
            raise missing(model_id, version)
        return found

    def versions(self, unit: UnitOfWork, model_id: UUID, page_size: int, page_token: str) -> tuple[list[Model], str]:
        """A page of the model's versions, newest first, and the token of the next."""
        return self._models.versions(unit, model_id, page_size, page_token)
