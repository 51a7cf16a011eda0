"""Use cases of the catalogue."""

from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Call
from raia_kit.database import UnitOfWork
from raia_kit.errors import InvalidArgument, NotFound
from raia_kit.pagination import PageToken

from raia_ingest import errors
from raia_ingest.catalog import events
from raia_ingest.catalog.domain import Change, Tag, tidied
from raia_ingest.catalog.repository import CatalogRepository
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.datasets.upload import require_project

_DEFAULT_TAGS = 50


class CatalogService:
    """Describing datasets and finding them."""

    def __init__(self, datasets: DatasetRepository, catalog: CatalogRepository, access: AccessIndex) -> None:
        self._datasets, self._catalog, self._access = datasets, catalog, access

    def update(self, unit: UnitOfWork, call: Call, dataset_id: UUID, change: Change, etag: str) -> Dataset:
        """Changes a dataset, and emits an event if anything is other than it was.

        Raises ``NotFound``, ``EtagMismatch``, ``DatasetNameTaken``, ``InvalidArgument`` for a name that is empty, and
        ``PermissionDenied`` where the caller may not add datasets to the new project.
        """
        found = self._datasets.lock(unit, dataset_id)
        if found is None:
            raise NotFound.of("dataset", dataset_id)
        if etag and etag != found.etag:
            raise EtagMismatch(
                "the dataset has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": found.etag},
            )
        values = _values(found, change)
        if "project_id" in values:
            require_project(self._access, call, values["project_id"])
        if not values:
            return found
        if not self._catalog.change(unit, dataset_id, values):
            raise errors.dataset_name_taken(values.get("name", found.name))
        changed = self._datasets.find(unit, dataset_id)
        if changed is None:
            raise NotFound.of("dataset", dataset_id)
        events.updated(unit, changed, values)
        return changed

    def tags(self, unit: UnitOfWork, call: Call, page_size: int, page_token: str) -> tuple[list[Tag], str]:
        """A page of the tags of the datasets that the caller may see, and the token of the next."""
        offset = int(str(PageToken.decode(page_token, "tags").keys[0])) if page_token else 0
        visibility = self._access.visible_projects(call.authenticated, "datasets.read", "dataset")
        size = page_size or _DEFAULT_TAGS
        found = self._catalog.tags(unit, visibility, offset, size + 1)
        token = PageToken((offset + size,), "tags").encode() if len(found) > size else ""
        return found[:size], token


def _values(found: Dataset, change: Change) -> dict[str, Any]:
    """The columns that change, with what they become."""
    wanted: dict[str, Any] = {
        "name": change.name.strip(),
        "description": change.description,
        "tags": tidied(change.tags),
        "project_id": change.project_id,
    }
    if "name" in change.fields and not wanted["name"]:
        raise InvalidArgument.of_field("name", "a dataset needs a name")
    return {field: wanted[field] for field in change.fields if wanted[field] != getattr(found, field)}
