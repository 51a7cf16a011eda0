"""The use case of charts: checked, drawn in a compute child over every row, answered."""

import tempfile
import time
from uuid import UUID

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import chart_pb2, chart_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.objects import ObjectStore

from raia_ingest.charts.domain import check
from raia_ingest.conditions import compile_condition
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

_DRAW = "raia_ingest.workers.chart:draw"
_SECONDS = 55.0


class ChartService:
    """Draws charts."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        objects: ObjectStore,
        pool: ComputePool,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._objects, self._pool = database, datasets, objects, pool
        self._memory, self._scratch = settings.profile_memory_bytes, settings.scratch_folder

    def draw(self, call: Call, request: chart_service_pb2.DrawDatasetChartRequest) -> chart_pb2.DatasetChart:
        """A chart; raises ``NotFound``, ``NotReady``, ``ColumnMissing``, ``ColumnUnfit``, and ``InvalidArgument``
        (INVALID_FILTER).
        """
        dataset = self._find(call, UUID(request.id), request.version)
        version = dataset.version
        columns = version.columns
        wanted = check(request.type, list(request.columns), request.aggregation, request.limit, columns)
        where = compile_condition(request.filter, columns)
        left = call.deadline - time.monotonic() if call.deadline is not None else _SECONDS
        with (
            self._objects.materialise(version.stored_key or "") as path,
            tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder,
        ):
            arguments = {
                "path": str(path),
                "columns": [{"name": each.name, "type": each.type, "timezone": each.timezone} for each in columns],
                "type": wanted.type,
                "positions": wanted.positions,
                "aggregation": wanted.aggregation,
                "limit": wanted.limit,
                "where": where.sql if where else "",
                "parameters": where.parameters if where else [],
                "memory_bytes": self._memory,
                "spill_folder": folder,
            }
            found = self._pool.run(
                _DRAW,
                arguments,
                time_limit=max(0.1, min(_SECONDS, left)),
                affinity=version.stored_key or "",
                share=str(call.org_id),
            )
        chart = chart_pb2.DatasetChart(dataset_id=str(dataset.id), version=version.number, type=wanted.type)
        ParseDict(found, chart)
        return chart

    def _find(self, call: Call, dataset_id: UUID, number: int) -> Dataset:
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
        if dataset is None:
            raise missing(dataset_id, number)
        dataset.version.require_ready(dataset_id)
        return dataset
