"""Pages of the rows that break rules."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from raia.ingest.v1 import quality_validation_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import NotFound
from raia_kit.objects import ObjectStore
from raia_kit.pagination import PageToken, size_of

from raia_ingest.datasets.domain import Column, Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.errors import ColumnMissing, NotReady
from raia_ingest.quality_validations.domain import SUCCEEDED, Validation
from raia_ingest.quality_validations.repository import QualityValidationRepository
from raia_ingest.scratch import SCRATCH_PREFIX

_PAGE = "raia_ingest.workers.rules_page:failing_page"
_MOST_BYTES = 2 * 1024**2
_SECONDS = 25.0


@dataclass(frozen=True)
class FailingPage:
    """A page of failing rows."""

    validation: Validation
    columns: Sequence[Column]
    rows: Sequence[dict[str, Any]]
    next_page_token: str


class FailingRowsService:
    """Shows failing rows."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        validations: QualityValidationRepository,
        objects: ObjectStore,
        pool: ComputePool,
    ) -> None:
        self._database, self._datasets, self._validations = database, datasets, validations
        self._objects, self._pool = objects, pool

    def page(self, call: Call, request: quality_validation_service_pb2.ListFailingRowsRequest) -> FailingPage:
        """A page; raises ``NotFound``, ``ColumnMissing``, ``NotReady`` before the validation has succeeded."""
        validation, dataset = self._find(call, UUID(request.id))
        columns = _chosen(dataset, request.columns)
        size = size_of(request.page_size)
        query = f"failing {validation.id} {request.position} {list(request.columns)}"
        keys = PageToken.decode(request.page_token, query).keys if request.page_token else (0, 0)
        after = [int(str(key)) for key in keys]
        if validation.failing_key is None or request.position > len(validation.rules) or not columns:
            return FailingPage(validation, columns, [], "")
        wanted = {"rule": request.position, "after": after, "limit": size}
        found = self._compute(call, dataset, validation.failing_key, columns, wanted)
        rows = found["rows"]
        token = PageToken((rows[-1]["rule"], rows[-1]["row"]), query).encode() if found["more"] and rows else ""
        return FailingPage(validation, columns, rows, token)

    def _find(self, call: Call, validation_id: UUID) -> tuple[Validation, Dataset]:
        with self._database.unit_of_work(call.org_id) as unit:
            validation = self._validations.find(unit, validation_id)
            dataset = (
                self._datasets.find(unit, validation.dataset_id, validation.version) if validation is not None else None
            )
        if validation is None or dataset is None:
            raise NotFound.of("dataset_validation", validation_id)
        if validation.status != SUCCEEDED:
            raise NotReady(
                f"the validation is {validation.status}: failing rows are listed once it has succeeded",
                reason="DATASET_NOT_READY",
                metadata={"status": validation.status},
            )
        return validation, dataset

    def _compute(
        self, call: Call, dataset: Dataset, key: str, columns: Sequence[Column], wanted: Mapping[str, Any]
    ) -> dict[str, Any]:
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        with (
            self._objects.materialise(dataset.version.stored_key or "") as path,
            self._objects.materialise(key) as failing,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX) as folder,
        ):
            arguments = {
                "path": str(path),
                "failing": str(failing),
                **wanted,
                "columns": [column.name for column in columns],
                "max_bytes": _MOST_BYTES,
                "folder": folder,
            }
            found: dict[str, Any] = self._pool.run(
                _PAGE,
                arguments,
                time_limit=max(0.1, min(_SECONDS, left)),
                affinity=dataset.version.stored_key or "",
                share=str(call.org_id),
            )
        return found


def _chosen(dataset: Dataset, names: Sequence[str]) -> list[Column]:
    known = {column.name: column for column in dataset.version.columns}
    for name in names:
        if name not in known:
            raise ColumnMissing(
                f"the dataset has no column {name!r}", reason="COLUMN_NOT_FOUND", metadata={"column": name[:200]}
            )
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
