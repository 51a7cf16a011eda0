"""Rows followed back: through runs to the versions that files became, and to the records of the files."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from google.protobuf import struct_pb2
from raia.ingest.v1 import recipe_run_pb2, recipe_run_requests_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import FailedPrecondition, NotFound
from raia_kit.objects import ObjectStore
from raia_kit.pagination import PageToken

from raia_ingest import errors
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing as missing_dataset
from raia_ingest.recipe_runs.domain import SUCCEEDED, RecipeRun, record_of
from raia_ingest.recipe_runs.repository import RecipeRunRepository

_ROWS = "raia_ingest.workers.recipe.traces:rows_at"
_RECORDS = "raia_ingest.workers.recipe.traces:records_of"
_REMOVED = "raia_ingest.workers.recipe.traces:removed_page"
_DEFAULT_ROWS = 50
_LONGEST_WAY = 100
_SECONDS = 25.0
_MOST_BYTES = 2 * 1024**2

pb2 = recipe_run_pb2
requests = recipe_run_requests_pb2


@dataclass(frozen=True)
class _Source:
    """A row of a version on the way back to a file."""

    dataset_id: UUID
    version: int
    row: int
    runs: tuple[UUID, ...] = ()


class LineageService:
    """Where rows come from, and where rows went."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        runs: RecipeRunRepository,
        objects: ObjectStore,
        pool: ComputePool,
    ) -> None:
        self._database, self._datasets, self._runs = database, datasets, runs
        self._objects, self._pool = objects, pool

    def rows(self, call: Call, request: requests.ListRowLineageRequest) -> requests.ListRowLineageResponse:
        """A page of rows with the records that they come from; raises ``NotFound`` and ``NotReady``."""
        dataset_id = UUID(request.dataset_id)
        query = f"lineage {dataset_id} {request.version}"
        number, offset = request.version, 0
        if request.page_token:
            number, offset = (int(str(key)) for key in PageToken.decode(request.page_token, query).keys)
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
        if dataset is None:
            raise missing_dataset(dataset_id, number)
        dataset.version.require_ready(dataset_id)
        count = dataset.version.row_count or 0
        end = min(offset + (request.page_size or _DEFAULT_ROWS), count)
        shown = list(range(offset + 1, end + 1))
        number = dataset.version.number
        traced = _Trace(self, call).back([_Source(dataset_id, number, row) for row in shown])
        return requests.ListRowLineageResponse(
            dataset_id=str(dataset_id),
            version=number,
            rows=[pb2.RowLineage(row=row, sources=sources) for row, sources in zip(shown, traced, strict=True)],
            next_page_token=PageToken((number, end), query).encode() if end < count else "",
        )

    def removed(self, call: Call, request: requests.ListRemovedRowsRequest) -> requests.ListRemovedRowsResponse:
        """A page of the rows that a run removed; raises ``NotFound``, and ``RecipeFailed`` unless it succeeded."""
        run_id = UUID(request.id)
        query = f"removed {run_id}"
        offset = int(str(PageToken.decode(request.page_token, query).keys[0])) if request.page_token else 0
        run, dataset = self._ended(call, run_id)
        size = request.page_size or _DEFAULT_ROWS
        with (
            self._objects.materialise(run.removed_key) as path,
            self._objects.materialise(dataset.version.stored_key or "") as source,
        ):
            arguments = {"path": str(path), "source": str(source), "offset": offset, "limit": size}
            found = self.compute(call, _REMOVED, {**arguments, "max_bytes": _MOST_BYTES}, run.removed_key)
        end = offset + len(found["rows"])
        return requests.ListRemovedRowsResponse(
            rows=[_removed(row, run.reasons) for row in found["rows"]],
            next_page_token=PageToken((end,), query).encode() if end < found["count"] else "",
        )

    def find(self, call: Call, dataset_id: UUID, version: int) -> tuple[Dataset | None, RecipeRun | None]:
        """A dataset at a version, and the run that made it, if one did."""
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._datasets.find(unit, dataset_id, version)
            made_by = dataset.version.origin.get("run_id") if dataset is not None else None
            ours = dataset is not None and dataset.version.origin.get("kind") == "recipe" and made_by
            return dataset, self._runs.find(unit, UUID(made_by)) if ours and made_by else None

    def numbers(self, call: Call, run: RecipeRun, rows: Sequence[int]) -> list[list[int | None]]:
        """For each row that a run wrote: the number it had, and the numbers of the rows that were joined."""
        with self._objects.materialise(run.lineage_key) as path:
            arguments = {"path": str(path), "rows": list(rows)}
            found: list[list[int | None]] = self.compute(call, _ROWS, arguments, run.lineage_key)["rows"]
        return found

    def records(self, call: Call, dataset: Dataset | None, rows: Sequence[int]) -> dict[int, int]:
        """The records of the file that rows of a version were; none when the version is gone."""
        if dataset is None:
            return {}
        version = dataset.version
        if version.ledger_key is None or not version.rejected_row_count:
            ledger = (version.schema_info or {}).get("ledger", {})
            return {row: record_of(row, ledger) for row in rows}
        with self._objects.materialise(version.ledger_key) as path:
            found = self.compute(call, _RECORDS, {"path": str(path), "rows": list(rows)}, version.ledger_key)
        return dict(zip(rows, found["records"], strict=True))

    def compute(self, call: Call, function: str, arguments: dict[str, Any], key: str) -> dict[str, Any]:
        """Runs a function in a compute child while the caller waits."""
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        limit = max(0.1, min(_SECONDS, left))
        found: dict[str, Any] = self._pool.run(
            function, arguments, time_limit=limit, affinity=key, share=str(call.org_id)
        )
        return found

    def _ended(self, call: Call, run_id: UUID) -> tuple[RecipeRun, Dataset]:
        with self._database.unit_of_work(call.org_id) as unit:
            run = self._runs.find(unit, run_id)
            dataset = self._datasets.find(unit, run.dataset_id, run.dataset_version) if run is not None else None
        if run is None:
            raise NotFound.of("recipe run", run_id)
        if run.status != SUCCEEDED:
            raise errors.RecipeFailed(
                f"the run is {run.status}: only one that succeeded tells which rows it removed",
                reason="RUN_NOT_USABLE",
                metadata={"status": run.status},
            )
        if dataset is None:
            raise missing_dataset(run.dataset_id, run.dataset_version)
        return run, dataset


class _Trace:
    """One way back for several rows at once, version by version."""

    def __init__(self, lineage: LineageService, call: Call) -> None:
        self._lineage, self._call = lineage, call

    def back(self, rows: Sequence[_Source]) -> list[list[pb2.SourceRecord]]:
        """For each row: the records that it was made of."""
        waiting = [[row] for row in rows]
        ended: list[list[pb2.SourceRecord]] = [[] for _ in rows]
        for _ in range(_LONGEST_WAY):
            by_version: dict[tuple[UUID, int], list[tuple[int, _Source]]] = defaultdict(list)
            for place, sources in enumerate(waiting):
                for source in sources:
                    by_version[source.dataset_id, source.version].append((place, source))
            if not by_version:
                return ended
            waiting = [[] for _ in rows]
            for (dataset_id, version), places in by_version.items():
                dataset, run = self._lineage.find(self._call, dataset_id, version)
                if run is None:
                    records = self._lineage.records(self._call, dataset, [source.row for _, source in places])
                    for place, source in places:
                        ended[place].append(_record(source, dataset, records.get(source.row, 0)))
                    continue
                for (place, _), sources in zip(places, self._through(run, [s for _, s in places]), strict=True):
                    waiting[place] += sources
        raise FailedPrecondition("the rows went through more runs than can be followed", reason="RUN_NOT_USABLE")

    def _through(self, run: RecipeRun, rows: Sequence[_Source]) -> list[list[_Source]]:
        """The rows that went into a run for each of those that came out of it."""
        tables = [(run.dataset_id, run.dataset_version), *run.joined]
        found = []
        for source, numbers in zip(rows, self._lineage.numbers(self._call, run, [r.row for r in rows]), strict=True):
            way = (run.id, *source.runs)
            found.append(
                [
                    replace(source, dataset_id=dataset_id, version=version, row=number, runs=way)
                    for (dataset_id, version), number in zip(tables, numbers, strict=False)
                    if number is not None
                ]
            )
        return found


def _record(source: _Source, dataset: Dataset | None, record: int) -> pb2.SourceRecord:
    info: Mapping[str, Any] = (dataset.version.schema_info or {}) if dataset is not None else {}
    reading = info.get("reading", {})
    return pb2.SourceRecord(
        dataset_id=str(source.dataset_id),
        version=source.version,
        row=source.row,
        filename=dataset.version.filename if dataset is not None else "",
        sheet=str(reading.get("sheet", "")),
        member="/".join(str(each.get("member", "")) for each in reading.get("archives", [])),
        record=record,
        recipe_run_ids=[str(run) for run in source.runs],
    )


def _removed(row: Mapping[str, Any], reasons: Sequence[Mapping[str, Any]]) -> pb2.RemovedRow:
    values = struct_pb2.ListValue()
    values.extend(row["values"])
    reason = reasons[row["code"] - 1]
    return pb2.RemovedRow(row=row["row"], step=reason["step"], reason=reason["reason"], values=values)
