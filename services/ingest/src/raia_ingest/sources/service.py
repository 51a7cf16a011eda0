"""Use cases of watched sources: make, list, change, start, stop, look now, and take again what failed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from raia_kit.access import AccessIndex
from raia_kit.context import Caller
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, PermissionDenied
from raia_kit.ids import new_id
from raia_kit.pagination import ListRequest

from raia_ingest.datasets.service import EtagMismatch
from raia_ingest.sources import faults
from raia_ingest.sources.domain import FAILED, GONE, Item, Source, SourceSpec
from raia_ingest.sources.items import ItemRepository
from raia_ingest.sources.looking import Looking
from raia_ingest.sources.notifications import concerns
from raia_ingest.sources.places import Places
from raia_ingest.sources.repository import SourceRepository
from raia_ingest.sources.taking import Taking

_PERMISSION = "sources.manage"


class SourceService:
    """What can be done with sources."""

    def __init__(
        self,
        *,
        sources: SourceRepository,
        items: ItemRepository,
        places: Places,
        looking: Looking,
        taking: Taking,
        access: AccessIndex,
    ) -> None:
        self._sources, self._items, self._places = sources, items, places
        self._looking, self._taking, self._access = looking, taking, access

    def create(
        self,
        unit: UnitOfWork,
        caller: Caller,
        spec: SourceSpec,
        *,
        project_id: UUID | None,
        enabled: bool,
        credentials: Mapping[str, str],
    ) -> Source:
        """Makes a source, and has it looked at if it is enabled.

        Raises ``NotFound`` and ``PermissionDenied`` for the project, ``PlaceInvalid``, ``SecretsUnavailable`` and
        ``SourceExists``.
        """
        self._require_project(caller, project_id)
        self._places.check(unit.tenant, spec, credentials)
        source_id = new_id()
        made = self._sources.create(
            unit,
            source_id,
            spec,
            project_id=project_id,
            enabled=enabled,
            sealed=self._places.seal(source_id, credentials),
            credential_names=sorted(credentials),
            created_by=caller.user_id,
        )
        if not made:
            raise faults.source_exists(spec.name)
        source = self._locked(unit, source_id)
        if enabled:
            self._looking.at_once(unit, source)
        return self.get(unit, source_id)

    def page(self, unit: UnitOfWork, caller: Caller, request: ListRequest) -> tuple[list[Source], str]:
        """A page of the sources that the caller may see, and the token of the next."""
        return self._sources.page(unit, self._access.visible_projects(caller, "datasets.read", "source"), request)

    def get(self, unit: UnitOfWork, source_id: UUID) -> Source:
        """One source; raises ``NotFound``."""
        found = self._sources.find(unit, source_id)
        if found is None:
            raise NotFound.of("source", source_id)
        return found

    def spec(self, unit: UnitOfWork, source_id: UUID, etag: str) -> SourceSpec:
        """What is said of a source, its row locked for a change; raises ``NotFound``, ``EtagMismatch``."""
        return self._locked(unit, source_id, etag).spec

    def update(
        self, unit: UnitOfWork, source_id: UUID, spec: SourceSpec, credentials: Mapping[str, str] | None
    ) -> Source:
        """Changes a source, its credentials too unless they are None, and has it looked at anew.

        Raises ``PlaceInvalid``, ``SecretsUnavailable`` and ``SourceExists``.
        """
        source = self._locked(unit, source_id)
        if self._sources.name_taken(unit, source.project_id, spec.name, source_id):
            raise faults.source_exists(spec.name)
        elsewhere = spec.place != source.spec.place
        if elsewhere and credentials is None and source.sealed is not None:
            # Whoever may change the place must not have credentials sent there that others have entered.
            raise faults.place_invalid("credentials", "another place needs them to be given again")
        kept = self._places.unseal(source) if credentials is None and source.sealed is not None else credentials or {}
        self._places.check(unit.tenant, spec, kept)
        sealed = source.sealed if credentials is None else self._places.seal(source_id, credentials)
        self._sources.change(unit, source_id, spec, sealed, sorted(kept))
        if source.enabled:
            self._looking.at_once(unit, self._locked(unit, source_id))
        return self.get(unit, source_id)

    def delete(self, unit: UnitOfWork, source_id: UUID, etag: str) -> None:
        """Hides a source and has it looked at no more; raises ``NotFound``, ``EtagMismatch``."""
        self._looking.end(unit, self._locked(unit, source_id, etag))
        self._sources.delete(unit, source_id)

    def start(self, unit: UnitOfWork, source_id: UUID) -> Source:
        """Has a source looked at, now and then."""
        source = self._locked(unit, source_id)
        if not source.enabled:
            self._sources.enable(unit, source_id)
        self._looking.at_once(unit, source)
        return self.get(unit, source_id)

    def stop(self, unit: UnitOfWork, source_id: UUID) -> Source:
        """Has a source looked at no more."""
        source = self._locked(unit, source_id)
        if source.enabled:
            self._looking.end(unit, source)
            self._sources.disable(unit, source_id)
        return self.get(unit, source_id)

    def poll(self, unit: UnitOfWork, source_id: UUID) -> Source:
        """Has a source looked at now; raises ``SourceStopped``."""
        source = self._locked(unit, source_id)
        if not source.enabled:
            raise faults.source_stopped()
        self._looking.at_once(unit, source)
        return self.get(unit, source_id)

    def notify(self, unit: UnitOfWork, source_id: UUID, event: Mapping[str, Any]) -> Source:
        """Has a source looked at now if a notification tells of an object below its prefix; a stopped one is not."""
        source = self._locked(unit, source_id)
        if source.enabled and concerns(source.spec.place.get("url", ""), event):
            self._looking.at_once(unit, source)
        return self.get(unit, source_id)

    def items(self, unit: UnitOfWork, source_id: UUID, request: ListRequest) -> tuple[list[Item], str]:
        """A page of a source's items and the token of the next."""
        self.get(unit, source_id)
        return self._items.page(unit, source_id, request)

    def retry(self, unit: UnitOfWork, item_id: UUID) -> Item:
        """Takes what failed or was gone once more; anything else stays as it is."""
        item = self._item(unit, item_id)
        source = self._locked(unit, item.source_id)
        item = self._items.find(unit, item_id, lock=True) or item
        if item.status in {FAILED, GONE}:
            self._taking.enqueue(unit, source, item_id, item.key)
        return self._item(unit, item_id)

    def _item(self, unit: UnitOfWork, item_id: UUID) -> Item:
        found = self._items.find(unit, item_id)
        if found is None:
            raise NotFound.of("source item", item_id)
        return found

    def _locked(self, unit: UnitOfWork, source_id: UUID, etag: str = "") -> Source:
        source = self._sources.find(unit, source_id, lock=True)
        if source is None:
            raise NotFound.of("source", source_id)
        if etag and etag != source.etag:
            raise EtagMismatch(
                "the source has changed meanwhile; read it again and retry",
                reason="ETAG_MISMATCH",
                metadata={"etag": source.etag},
            )
        return source

    def _require_project(self, caller: Caller, project_id: UUID | None) -> None:
        if self._access.allows(caller, _PERMISSION, project_id=project_id):
            return
        if project_id is not None and not self._access.sees(caller, project_id=project_id):
            raise NotFound.of("project", project_id)
        raise PermissionDenied(
            f"{_PERMISSION} is needed in this project",
            reason="PERMISSION_MISSING",
            metadata={"permission": _PERMISSION, "project_id": str(project_id or "")},
        )
