"""Use cases of versions: list them, page through their ledgers, give out their files."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from raia.ingest.v1 import version_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database, UnitOfWork
from raia_kit.objects import ObjectStore
from raia_kit.pagination import PageToken

from raia_ingest import errors
from raia_ingest.datasets.domain import READY, Dataset
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.settings import IngestSettings

_PAGE = "raia_ingest.workers.ledger:page"
_DEFAULT_ENTRIES = 50
_MOST_BYTES = 2 * 1024**2
_SECONDS = 25.0
_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})\Z", re.ASCII)


@dataclass(frozen=True)
class LedgerPage:
    """Some entries of a version's ledger."""

    dataset: Dataset
    entries: list[dict[str, Any]]
    next_page_token: str

    @property
    def counts(self) -> dict[str, int]:
        """Records by what became of them."""
        ledger = (self.dataset.version.schema_info or {}).get("ledger", {})
        return {name: int(ledger.get(name, 0)) for name in ("records_read", "stored", "repaired", "rejected")}


@dataclass(frozen=True)
class FileOnItsWay:
    """A file, or a range of it, being given out."""

    filename: str
    sha256: str
    size: int
    start: int
    end: int
    pieces: Iterator[bytes]

    @property
    def whole(self) -> bool:
        """Whether it is no range."""
        return (self.start, self.end) == (0, self.size)


class VersionService:
    """What can be done with the versions of a dataset."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        objects: ObjectStore,
        pool: ComputePool,
        versions: VersionMaker,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._objects = database, datasets, objects
        self._pool, self._versions = pool, versions
        self._signed_seconds = settings.signed_address_seconds

    def page(
        self, unit: UnitOfWork, request: version_service_pb2.ListDatasetVersionsRequest
    ) -> tuple[list[Dataset], int, str]:
        """A page of versions, the number of the one shown, and the token of the next; raises ``NotFound``."""
        dataset_id = UUID(request.dataset_id)
        shown = self._datasets.find(unit, dataset_id)
        if shown is None:
            raise missing(dataset_id, 0)
        found, token = self._datasets.versions(unit, dataset_id, request)
        return found, shown.version.number, token

    def ledger(self, call: Call, request: version_service_pb2.ListLedgerEntriesRequest) -> LedgerPage:
        """A page of a ledger; raises ``NotFound``, ``NotReady``, ``InvalidArgument`` for a token of another query."""
        dataset_id = UUID(request.dataset_id)
        query = f"ledger {dataset_id} {request.version} {request.outcome} {request.reason}"
        number, offset = request.version, 0
        if request.page_token:
            # The token keeps the version, so that pages do not mix two when a newer one becomes ready in between.
            number, offset = (int(str(key)) for key in PageToken.decode(request.page_token, query).keys)
        dataset = self._find(call, dataset_id, number)
        version = dataset.version
        if version.status != READY:
            version.require_ready(dataset_id)
        if version.ledger_key is None:
            return LedgerPage(dataset, [], "")
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        arguments = {
            "offset": offset,
            "limit": request.page_size or _DEFAULT_ENTRIES,
            "outcome": request.outcome,
            "reason": request.reason,
            "max_bytes": _MOST_BYTES,
        }
        with self._objects.materialise(version.ledger_key) as path:
            found = self._pool.run(
                _PAGE,
                {"path": str(path), **arguments},
                time_limit=max(0.1, min(_SECONDS, left)),
                share=str(call.org_id),
            )
        following = int(found["next"])
        token = PageToken((version.number, following), query).encode() if following >= 0 else ""
        return LedgerPage(dataset, found["entries"], token)

    def file(self, call: Call, dataset_id: UUID, number: int, wanted: str) -> FileOnItsWay:
        """A version's file as it came, or the range that ``wanted`` (a Range header) names; raises ``NotFound``."""
        version = self._find(call, dataset_id, number).version
        version.require_file(dataset_id)
        start, end = span_of(wanted, version.file_size)
        pieces = self._objects.stream(version.object_key, start=start, end=end)
        return FileOnItsWay(version.filename, version.sha256, version.file_size, start, end, pieces)

    def sign(self, call: Call, dataset_id: UUID, number: int) -> tuple[str, datetime]:
        """An address of a version's file that the store itself serves for a while, and when that ends.

        Raises ``FailedPrecondition`` (SIGNING_UNAVAILABLE) where the store cannot sign.
        """
        version = self._find(call, dataset_id, number).version
        version.require_file(dataset_id)
        lasts = timedelta(seconds=self._signed_seconds)
        url = self._objects.sign(version.object_key, lasts)
        if url is None:
            raise errors.signing_unavailable()
        call.audit_details.update({"version": version.number, "signed": True})
        return url, datetime.now(UTC) + lasts

    def of_part(
        self, unit: UnitOfWork, user_id: UUID | None, request: version_service_pb2.CreateDatasetFromPartRequest
    ) -> Dataset:
        """Makes a dataset of another table in a version's file; raises ``NotFound``, ``BadFile``."""
        dataset_id = UUID(request.dataset_id)
        dataset = self._datasets.find(unit, dataset_id, request.version)
        if dataset is None:
            raise missing(dataset_id, request.version)
        dataset.version.require_file(dataset_id)
        parts = (dataset.version.schema_info or {}).get("parts", [])
        tables = [part["name"] for part in parts if part["table"]]
        known = [name for name in tables if request.part == name or request.part.startswith(f"{name}#")]
        if not known:
            raise errors.part_missing(dataset.version.filename, request.part, tables)
        return self._versions.of_part(unit, dataset, request.part, request.name.strip(), user_id)

    def _find(self, call: Call, dataset_id: UUID, number: int) -> Dataset:
        with self._database.unit_of_work(call.org_id) as unit:
            found = self._datasets.find(unit, dataset_id, number)
        if found is None:
            raise missing(dataset_id, number)
        return found


def span_of(wanted: str, size: int) -> tuple[int, int]:
    """Start and end of the range that a Range header names; the whole file when it names none that is served here."""
    match = _RANGE.match(wanted.replace(" ", ""))
    if match is None:
        return 0, size
    start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
    return (start, end) if start < end else (0, size)
