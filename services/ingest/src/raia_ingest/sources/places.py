"""Opens the places of sources, and keeps what is needed to get in under seal."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from raia_kit.sealing import Sealer, UnsealError

from raia_ingest.settings import IngestSettings
from raia_ingest.sources import faults
from raia_ingest.sources.domain import FOLDER, Place, Source, SourceSpec
from raia_ingest.sources.folders import WatchedFolder, located
from raia_ingest.sources.stores import WatchedStore, check


class Places:
    """What the settings let sources watch."""

    def __init__(self, settings: IngestSettings) -> None:
        self._allowed, self._private = settings.watched_folders, settings.sources_private_addresses
        self._sealer = Sealer(settings.envelope_keys) if settings.envelope_keys else None

    def check(self, org_id: UUID, spec: SourceSpec, credentials: Mapping[str, str]) -> None:
        """Raises ``PlaceInvalid`` for a place that may not be watched; does not go there."""
        if spec.kind == FOLDER:
            located(spec.place.get("path", ""), self._allowed, org_id)
            if credentials:
                raise faults.place_invalid("credentials", "a folder needs none")
        else:
            check(spec.place, credentials, private=self._private)

    def seal(self, source_id: UUID, credentials: Mapping[str, str]) -> bytes | None:
        """The credentials, encrypted for this source alone; None for none. Raises ``SecretsUnavailable``."""
        if not credentials:
            return None
        if self._sealer is None:
            raise faults.secrets_unavailable()
        return self._sealer.seal(orjson.dumps(dict(credentials)), _purpose(source_id))

    def open(self, org_id: UUID, source: Source) -> Place:
        """The place of a source; raises ``PlaceInvalid``, also when the settings no longer allow it."""
        if source.spec.kind == FOLDER:
            return WatchedFolder(source.spec.place, self._allowed, org_id)
        return WatchedStore(source.spec.place, self.unseal(source), private=self._private)

    def unseal(self, source: Source) -> dict[str, str]:
        """The credentials of a source; raises ``SecretsUnavailable``."""
        if source.sealed is None:
            return {}
        if self._sealer is None:
            raise faults.secrets_unavailable()
        try:
            found: dict[str, Any] = orjson.loads(self._sealer.unseal(source.sealed, _purpose(source.id)))
        except UnsealError as error:
            raise faults.secrets_unavailable() from error
        return found


def _purpose(source_id: UUID) -> str:
    return f"source:{source_id}"
