"""Charts through the running service: the figures against pandas, the JSON against Plotly's own schema."""

from io import StringIO

import grpc
import pandas as pd
import plotly.graph_objects as go
import pytest
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import chart_service_pb2 as pb2
from raia.ingest.v1 import chart_service_pb2_grpc

from ..rig import failure_of

CODE = grpc.StatusCode
ROWS = "".join(
    f"{n},{'north' if n % 3 else 'south'},{'a' if n % 2 else 'b'},{n * 7 % 100},{n / 4},"
    f"2024-{n % 12 + 1:02}-{n % 28 + 1:02},{'yes' if n % 5 == 0 else ''}\n"
    for n in range(400)
)
CSV = "id,region,kind,amount,unit price,day,flag\n" + ROWS


@pytest.fixture(scope="module")
def owner(rig):
    return rig.hire()


@pytest.fixture(scope="module")
def dataset_id(rig, owner):
    return rig.ready(owner, CSV, name="charts").id


@pytest.fixture(scope="module")
def frame():
    return pd.read_csv(StringIO(CSV))


@pytest.fixture
def ask(rig, owner, dataset_id):
    stub = chart_service_pb2_grpc.ChartServiceStub(rig.channel)

    def request(kind, *columns, **more):
        wanted = pb2.DrawDatasetChartRequest(id=dataset_id, type=kind, columns=columns, **more)
        return stub.DrawDatasetChart(wanted, metadata=owner.metadata)

    return request


@pytest.fixture
def draw(ask):
    def drawn(kind, *columns, **more):
        chart = ask(kind, *columns, **more)
        figure = MessageToDict(chart.figure)
        go.Figure(figure)  # raises ValueError for whatever Plotly's schema does not have
        assert chart.type == kind
        return chart, figure["data"], figure["layout"]

    return drawn


def test_bars_count_or_add_up(draw, frame):
    chart, (bars,), _ = draw("bar", "region")
    assert dict(zip(bars["x"], bars["y"], strict=True)) == frame["region"].value_counts().to_dict()
    assert bars["x"] == ["north", "south"]
    assert chart.row_count == 400
    _, (bars,), layout = draw("bar", "region", "amount", aggregation="mean")
    expected = frame.groupby("region")["amount"].mean()
    assert bars["y"] == pytest.approx(expected[bars["x"]].tolist())
    assert layout["yaxis"]["title"]["text"] == "mean of amount"
    _, (bars,), _ = draw("bar", "region", "amount")
    assert sum(bars["y"]) == frame["amount"].sum()


@pytest.mark.parametrize(
    ("aggregation", "function"),
    [
        ("count", "count"), ("sum", "sum"), ("mean", "mean"), ("median", "median"), ("min", "min"), ("max", "max"),
        ("standard_deviation", "std"), ("distinct_count", "nunique"),
    ],
)  # fmt: skip
def test_every_aggregation_agrees_with_pandas(draw, frame, aggregation, function):
    _, (bars,), _ = draw("bar", "kind", "amount", aggregation=aggregation)
    expected = frame.groupby("kind")["amount"].agg(function)
    assert bars["y"] == pytest.approx(expected[bars["x"]].tolist())


def test_series_are_traces_of_their_own(draw, frame):
    _, traces, layout = draw("bar", "region", "amount", "kind")
    found = {(trace["name"], x): y for trace in traces for x, y in zip(trace["x"], trace["y"], strict=True)}
    expected = frame.groupby(["kind", "region"])["amount"].sum()
    assert found == {key: float(value) for key, value in expected.items()}
    assert layout["barmode"] == "stack"


def test_a_filter_chooses_rows(draw, frame):
    chosen = frame[(frame["region"] == "north") & (frame["unit price"] > 20) & (frame["day"] >= "2024-06-01")]
    chart, (bars,), _ = draw("bar", "kind", filter='region = "north" AND `unit price` > 20 AND day >= 2024-06-01')
    assert chart.row_count == len(chosen) == sum(bars["y"])
    chart, *_ = draw("bar", "kind", filter='NOT region : "NOR" OR flag = null')
    assert chart.row_count == ((frame["region"] == "south") | frame["flag"].isna()).sum()


def test_a_wrong_filter_says_where(ask):
    failure = failure_of(lambda: ask("bar", "kind", filter="regon = 1"))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "INVALID_FILTER")
    assert failure.metadata == {"field": "regon", "position": "1"}
    failure = failure_of(lambda: ask("bar", "kind", filter="amount > high"))
    assert failure.reason == "INVALID_FILTER"


def test_lines_follow_the_calendar_when_there_are_too_many_points(draw, frame):
    _, (line,), _ = draw("line", "day", "amount")
    expected = frame.groupby("day")["amount"].sum()
    assert line["x"] == expected.index.tolist()
    assert line["y"] == expected.tolist()
    chart, (line,), layout = draw("line", "day", "amount", limit=20)
    months = frame.groupby(frame["day"].str[:7])["amount"].sum()
    assert line["y"] == months.tolist()
    assert [note.kind for note in chart.notes] == ["limited"]
    assert layout["xaxis"]["title"]["text"] == "day by month"


def test_points_are_sampled_beyond_the_limit(draw, frame):
    chart, (points,), _ = draw("scatter", "amount", "unit price", limit=50)
    assert len(points["x"]) == len(points["y"]) == 50
    known = set(zip(frame["amount"], frame["unit price"], strict=True))
    assert set(zip(points["x"], points["y"], strict=True)) <= known
    assert [note.kind for note in chart.notes] == ["sampled"]
    _, traces, _ = draw("scatter", "amount", "unit price", "kind")
    assert sum(len(trace["x"]) for trace in traces) == 400


def test_bins_hold_every_row(draw, frame):
    _, (bars,), _ = draw("histogram", "unit price", limit=10)
    assert sum(bars["y"]) == 400
    low, high = frame["unit price"].min(), frame["unit price"].max()
    assert bars["width"] == pytest.approx([(high - low) / 10] * 10)
    _, traces, _ = draw("histogram", "day", "region")
    assert sum(sum(trace["y"]) for trace in traces) == 400


def test_boxes_are_quartiles(draw, frame):
    _, (box,), _ = draw("box", "region", "amount")
    for place, name in enumerate(box["x"]):
        values = frame.loc[frame["region"] == name, "amount"]
        quartiles = values.quantile([0.25, 0.5, 0.75]).tolist()
        assert [box[key][place] for key in ("q1", "median", "q3")] == pytest.approx(quartiles)
        assert box["mean"][place] == pytest.approx(values.mean())
        assert box["lowerfence"][place] >= values.min()
    _, (box,), _ = draw("box", "amount")
    assert box["median"] == [frame["amount"].median()]


def test_heatmaps_cross_two_columns(draw, frame):
    _, (cells,), _ = draw("heatmap", "region", "kind")
    expected = pd.crosstab(frame["kind"], frame["region"])
    assert cells["z"] == expected.loc[cells["y"], cells["x"]].astype(float).to_numpy().tolist()


def test_the_rest_of_a_pie_is_a_slice(draw, frame):
    chart, (pie,), _ = draw("pie", "day", limit=3)
    assert pie["labels"][-1] == "others"
    assert sum(pie["values"]) == 400
    assert [note.kind for note in chart.notes] == ["limited"]


def test_missing_values_are_a_category(draw, frame):
    _, (bars,), _ = draw("bar", "flag")
    assert dict(zip(bars["x"], bars["y"], strict=True)) == {"missing": 320, "yes": 80}


def test_no_row_is_an_empty_chart(draw):
    for kind, columns in (
        ("bar", ["kind"]), ("line", ["day"]), ("scatter", ["amount", "id"]), ("histogram", ["amount"]),
        ("box", ["amount"]), ("heatmap", ["kind", "region"]), ("pie", ["kind"]),
    ):  # fmt: skip
        chart, *_ = draw(kind, *columns, filter="id < 0")
        assert chart.row_count == 0


def test_what_a_type_does_not_take_is_refused(ask):
    failure = failure_of(lambda: ask("box", "kind", "region"))
    assert (failure.code, failure.reason, failure.metadata["column"]) == (
        CODE.INVALID_ARGUMENT, "CHART_COLUMNS", "region",
    )  # fmt: skip
    assert failure_of(lambda: ask("scatter", "amount")).reason == "CHART_COLUMNS"
    assert failure_of(lambda: ask("bar", "kind", "region", aggregation="sum")).reason == "CHART_COLUMNS"
    failure = failure_of(lambda: ask("bar", "absent"))
    assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "COLUMN_NOT_FOUND")


def test_another_organisation_sees_nothing(rig, dataset_id):
    stub = chart_service_pb2_grpc.ChartServiceStub(rig.channel)
    wanted = pb2.DrawDatasetChartRequest(id=dataset_id, type="bar", columns=["kind"])
    assert failure_of(lambda: stub.DrawDatasetChart(wanted, metadata=rig.hire().metadata)).code is CODE.NOT_FOUND


def test_charts_fit_one_answer_whatever_is_asked_for(rig, owner):
    content = "a,b,c\n" + "".join(f"{n},{n % 997},{'long label ' * 20}{n % 600}\n" for n in range(12_000))
    dataset = rig.ready(owner, content, name="large charts")
    stub = chart_service_pb2_grpc.ChartServiceStub(rig.channel)

    def largest(kind, *columns):
        wanted = pb2.DrawDatasetChartRequest(id=dataset.id, type=kind, columns=columns, limit=10_000)
        chart = stub.DrawDatasetChart(wanted, metadata=owner.metadata)
        assert chart.ByteSize() < 3 * 1024**2
        return chart

    assert [note.kind for note in largest("heatmap", "a", "b").notes] == ["limited"] * 3
    assert len(largest("bar", "a").figure["data"][0]["x"]) == 10_000
    assert len(largest("bar", "c").figure["data"][0]["x"][0]) == 81
    assert len(largest("histogram", "a").figure["data"][0]["y"]) == 1000
    largest("line", "a", "b", "c")
    largest("scatter", "a", "b", "c")


def test_the_largest_numbers_overflow_no_chart(rig, owner):
    values = ["1.7e308", "-1.7e308", "1.6e308", "1.6e308", "inf", "-inf", "", "1.5"] * 3
    content = "k,x\n" + "".join(f"{n % 2},{value}\n" for n, value in enumerate(values))
    dataset = rig.ready(owner, content, name="largest numbers")
    stub = chart_service_pb2_grpc.ChartServiceStub(rig.channel)
    for kind, columns in (
        ("bar", ["k", "x"]), ("line", ["x"]), ("line", ["x", "x"]), ("scatter", ["x", "k"]), ("histogram", ["x"]),
        ("box", ["k", "x"]), ("heatmap", ["k", "x"]), ("heatmap", ["k", "k", "x"]), ("pie", ["k", "x"]), ("pie", ["x"]),
    ):  # fmt: skip
        for aggregation in ("sum", "mean", "standard_deviation"):
            wanted = pb2.DrawDatasetChartRequest(
                id=dataset.id, type=kind, columns=columns, aggregation=aggregation, limit=2
            )
            go.Figure(MessageToDict(stub.DrawDatasetChart(wanted, metadata=owner.metadata).figure))
