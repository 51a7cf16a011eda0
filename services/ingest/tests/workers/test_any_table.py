"""Whatever a table holds, it has a profile, a report and charts that Plotly's schema takes."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import orjson
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia.ingest.v1 import chart_pb2, profile_pb2, report_pb2
from raia_ingest.charts.domain import check
from raia_ingest.datasets.domain import Column
from raia_ingest.errors import ColumnUnfit
from raia_ingest.workers.chart import draw
from raia_ingest.workers.profile import profile_file
from raia_ingest.workers.report import report_file

from .conftest import ignore

pytestmark = pytest.mark.slow
CELLS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)),
    "float": (pa.float64(), st.floats(allow_nan=False) | st.sampled_from([0.0, 1.5, math.inf, -math.inf, 1.7e308])),
    "string": (
        pa.string(),
        st.text(max_size=30) | st.sampled_from(["a", "A ", "é", "01/02/2020", "€ 5", "null", "'\"`"]),
    ),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates() | st.sampled_from([dt.date(2020, 1, 1), dt.date(2020, 1, 2)])),
    "datetime": (pa.timestamp("us"), st.datetimes() | st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 3))),
    "time": (pa.time64("us"), st.times()),
    "null": (pa.string(), st.none()),
}
SETTINGS = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=8, deadline=None
)


@st.composite
def tables(drawn: st.DrawFn) -> tuple[pa.Table, list[dict[str, str]]]:
    """A small table and its columns."""
    rows = drawn(st.integers(0, 40))
    kinds = drawn(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    arrays, columns = [], []
    for place, kind in enumerate(kinds):
        arrow, cells = CELLS[kind]
        values = drawn(st.lists(cells | st.none(), min_size=rows, max_size=rows))
        arrays.append(pa.array(values, arrow))
        name = drawn(st.sampled_from(["id", "amount", "day", "Name", "zip code", 'quo"te', "lat"]))
        columns.append({"name": f"{name} {place}", "type": kind, "timezone": ""})
    return pa.Table.from_arrays(arrays, names=[column["name"] for column in columns]), columns


def profiled(folder: Path, table: pa.Table, columns: list[dict[str, str]]) -> dict[str, Any]:
    pq.write_table(table, folder / "data.parquet")
    return profile_file(str(folder / "data.parquet"), columns, 128 * 1024**2, str(folder / "spill"), ignore)


@given(tables(), tables())
@SETTINGS
def test_any_table_has_a_report(
    tmp_path: Path,
    drawn: tuple[pa.Table, list[dict[str, str]]],
    other: tuple[pa.Table, list[dict[str, str]]],
) -> None:
    table, columns = drawn
    profile = profiled(tmp_path, table, columns)
    ParseDict(profile, profile_pb2.DatasetProfile())
    pq.write_table(other[0], tmp_path / "other.parquet")
    beside = {
        "path": str(tmp_path / "other.parquet"),
        "row_count": other[0].num_rows,
        "columns": other[1],
        "version": 1,
    }
    report = report_file(
        path=str(tmp_path / "data.parquet"),
        name="any",
        columns=columns,
        profile=profile,
        previous=beside,
        neighbours=[beside | {"id": "other", "name": "other"}],
        memory_bytes=128 * 1024**2,
        spill_folder=str(tmp_path / "spill"),
        progress=ignore,
    )
    assert report["summary"]
    for chart in report["charts"]:
        go.Figure(chart["figure"])
    report["analysis"]["foreign_keys"] = []
    ParseDict(orjson.loads(orjson.dumps(report)), report_pb2.DatasetReport())


@given(tables(), st.data())
@SETTINGS
def test_any_columns_have_a_chart_or_are_refused(
    tmp_path: Path, drawn: tuple[pa.Table, list[dict[str, str]]], data: st.DataObject
) -> None:
    table, columns = drawn
    pq.write_table(table, tmp_path / "data.parquet")
    known = [Column(column["name"], column["type"], column["name"]) for column in columns]
    for kind in ("bar", "line", "scatter", "histogram", "box", "heatmap", "pie"):
        names = data.draw(st.lists(st.sampled_from(table.column_names), min_size=1, max_size=3))
        aggregation = data.draw(st.sampled_from(["", "count", "sum", "mean", "median", "min", "standard_deviation"]))
        try:
            wanted = check(kind, names, aggregation, data.draw(st.sampled_from([0, 1, 5])), known)
        except ColumnUnfit:
            continue
        found = draw(
            path=str(tmp_path / "data.parquet"),
            columns=columns,
            type=wanted.type,
            positions=wanted.positions,
            aggregation=wanted.aggregation,
            limit=wanted.limit,
            where="",
            parameters=[],
            memory_bytes=128 * 1024**2,
            spill_folder=str(tmp_path / "spill"),
            progress=ignore,
        )
        go.Figure(found["figure"])
        assert found["row_count"] == table.num_rows
        ParseDict(orjson.loads(orjson.dumps(found)), chart_pb2.DatasetChart())
