"""Pages of rows as JSON values."""

import time
from uuid import UUID

from google.protobuf import struct_pb2
from raia.ingest.v1 import dataset_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.objects import ObjectStore
from raia_kit.pagination import PageToken

from raia_ingest.changes import Changes
from raia_ingest.datasets.converters import to_column
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing

_PAGE = "raia_ingest.workers.rows:page"
_DEFAULT_ROWS = 20
_MOST_BYTES = 2 * 1024**2
_SECONDS = 25.0


class PreviewService:
    """Shows rows."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        objects: ObjectStore,
        pool: ComputePool,
        changes: Changes,
    ) -> None:
        self._database, self._datasets, self._objects = database, datasets, objects
        self._pool, self._changes = pool, changes

    def page(
        self, call: Call, request: dataset_service_pb2.PreviewDatasetRequest
    ) -> dataset_service_pb2.PreviewDatasetResponse:
        """A page of rows; raises ``NotFound``, ``NotReady``, ``InvalidArgument`` for a token of another query."""
        dataset_id = UUID(request.id)
        query = f"preview {dataset_id} {request.version}"
        number, offset = request.version, 0
        if request.page_token:
            # The token keeps the version, so that pages do not mix two when a newer one becomes ready in between.
            keys = PageToken.decode(request.page_token, query).keys
            number, offset = (int(str(key)) for key in keys)
        dataset = self._await_ready(call, dataset_id, number, _wait(request))
        version = dataset.version
        size = request.page_size or _DEFAULT_ROWS
        rows = self._rows(call, version.stored_key or "", offset, size) if (version.row_count or 0) > offset else []
        following = offset + len(rows)
        token = PageToken((version.number, following), query).encode() if following < (version.row_count or 0) else ""
        return dataset_service_pb2.PreviewDatasetResponse(
            dataset_id=str(dataset.id),
            version=version.number,
            columns=[to_column(column) for column in version.columns],
            rows=rows,
            row_count=version.row_count or 0,
            next_page_token=token,
        )

    def _await_ready(self, call: Call, dataset_id: UUID, number: int, seconds: float) -> Dataset:
        def look() -> Dataset | None:
            with self._database.unit_of_work(call.org_id) as unit:
                return self._datasets.find(unit, dataset_id, number)

        found = self._changes.await_result(look, lambda seen: seen is None or seen.version.finished, seconds)
        if found is None:
            raise missing(dataset_id, number)
        found.version.require_ready(dataset_id)
        return found

    def _rows(self, call: Call, key: str, offset: int, limit: int) -> list[struct_pb2.ListValue]:
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        with self._objects.materialise(key) as path:
            result = self._pool.run(
                _PAGE,
                {"path": str(path), "offset": offset, "limit": limit, "max_bytes": _MOST_BYTES},
                time_limit=max(0.1, min(_SECONDS, left)),
                affinity=key,
                share=str(call.org_id),
            )
        return [_list(row) for row in result["rows"]]


def _wait(request: dataset_service_pb2.PreviewDatasetRequest) -> float:
    return request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else 2.0


def _list(row: list[str | float | bool | None]) -> struct_pb2.ListValue:
    values = struct_pb2.ListValue()
    values.extend(row)
    return values
