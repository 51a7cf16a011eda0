"""Differences through the running service."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from raia.ingest.v1 import dataset_service_pb2, version_diff_service_pb2_grpc
from raia.ingest.v1 import version_diff_service_pb2 as pb2

from ..rig import failure_of

CODE = grpc.StatusCode
BEFORE = "id,name,amount\n" + "".join(f"{n},n{n},{n * 2}\n" for n in range(100))
AFTER = "id,amount,name,day\n" + "".join(
    f"{n},{n * 2 + (n % 10 == 0)},n{n},2024-01-{n % 28 + 1:02}\n" for n in range(5, 110)
)


@pytest.fixture
def diffs(rig):
    return version_diff_service_pb2_grpc.VersionDiffServiceStub(rig.channel)


@pytest.fixture
def diff(diffs):
    def asked(person, dataset_id, wait=30, **values):
        request = pb2.GetVersionDiffRequest(dataset_id=dataset_id, wait=Duration(seconds=wait), **values)
        return diffs.GetVersionDiff(request, metadata=person.metadata)

    return asked


@pytest.fixture
def two(rig, analyst):
    rig.ready(analyst, BEFORE, name="sales")
    return rig.ready(analyst, AFTER, name="sales")


def test_versions_are_compared_by_key_and_every_row_is_listed(rig, analyst, two, diffs, diff):
    found = diff(analyst, two.id, key_columns=["id"])
    assert (found.status, found.progress, found.version, found.base_version) == ("succeeded", 1.0, 2, 1)
    assert (found.base_row_count, found.row_count) == (100, 105)
    assert (found.rows_added, found.rows_removed, found.rows_changed, found.rows_unchanged) == (10, 5, 9, 86)
    assert [(each.name, each.change, each.type) for each in found.column_changes] == [("day", "added", "date")]
    assert found.columns_reordered
    assert [(each.name, each.rows_changed) for each in found.column_differences] == [("amount", 9)]
    rows, token = [], ""
    while True:
        request = pb2.ListDifferingRowsRequest(
            dataset_id=two.id, key_columns=["id"], page_size=7, page_token=token, kind=""
        )
        page = diffs.ListDifferingRows(request, metadata=analyst.metadata)
        assert page.diff_id == found.id
        rows += page.rows
        token = page.next_page_token
        if not token:
            break
    assert [row.kind for row in rows] == ["added"] * 10 + ["removed"] * 5 + ["changed"] * 9
    assert [row.base_values[0] for row in rows[10:15]] == [0, 1, 2, 3, 4]
    assert (list(rows[15].base_values), list(rows[15].values)) == ([10, "n10", 20], [10, 21, "n10", "2024-01-11"])
    assert list(rows[15].changed_columns) == ["amount"]
    assert [column.name for column in page.columns] == ["id", "amount", "name", "day"]
    assert diff(analyst, two.id, key_columns=["id"], version=2, base_version=1) == found
    assert rig.events(two.id).count("VersionsCompared") == 1


def test_rows_of_one_kind(analyst, two, diffs, diff):
    diff(analyst, two.id, key_columns=["id"])
    request = pb2.ListDifferingRowsRequest(dataset_id=two.id, key_columns=["id"], kind="changed", page_size=5)
    page = diffs.ListDifferingRows(request, metadata=analyst.metadata)
    assert [row.values[0] for row in page.rows] == [10, 20, 30, 40, 50]
    request.page_token = page.next_page_token
    page = diffs.ListDifferingRows(request, metadata=analyst.metadata)
    assert ([row.values[0] for row in page.rows], page.next_page_token) == ([60, 70, 80, 90], "")
    request.kind = "added"
    assert failure_of(lambda: diffs.ListDifferingRows(request, metadata=analyst.metadata)).reason


def test_without_keys_rows_are_compared_as_a_whole_and_either_way_round(analyst, two, diff):
    there = diff(analyst, two.id)
    assert (there.rows_added, there.rows_removed, there.rows_changed, there.rows_unchanged) == (19, 14, 0, 86)
    back = diff(analyst, two.id, version=1, base_version=2)
    assert (back.rows_added, back.rows_removed) == (14, 19)
    assert [(each.name, each.change) for each in back.column_changes] == [("day", "removed")]
    same = diff(analyst, two.id, version=1, base_version=1)
    assert (same.rows_added, same.rows_removed, same.rows_unchanged) == (0, 0, 100)


def test_what_cannot_be_compared(rig, analyst, diffs, diff):
    dataset = rig.ready(analyst, "id,a\n1,x\n1,y\n", name="once")
    failure = failure_of(lambda: diff(analyst, dataset.id))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "DIFF_NOT_READY")
    rig.ready(analyst, "id,b\n1,x\n", name="once")
    assert failure_of(lambda: diff(analyst, dataset.id, key_columns=["a"])).reason == "COLUMN_NOT_FOUND"
    assert failure_of(lambda: diff(analyst, dataset.id, base_version=9)).code is CODE.NOT_FOUND
    request = pb2.ListDifferingRowsRequest(dataset_id=dataset.id)
    failure = failure_of(lambda: diffs.ListDifferingRows(request, metadata=analyst.metadata))
    assert (failure.reason, failure.metadata) == ("DIFF_NOT_READY", {"status": "absent"})
    found = diff(analyst, dataset.id, key_columns=["id"])
    assert (found.status, found.rows_added) == ("failed", 0)
    assert "id do not tell the rows of the base version apart: 2 of them" in found.error


def test_a_comparison_is_watched_cancelled_and_started_anew(rig, analyst, diffs, diff):
    for factor in (7, 11):
        rows = "".join(f"{n},{n * factor % 1000},text {n}\n" for n in range(150_000))
        dataset = rig.ready(analyst, "a,b,c\n" + rows, name="large")
    started = diff(analyst, dataset.id, wait=0)
    assert started.status in ("pending", "running")
    cancelled = diffs.CancelVersionDiff(pb2.CancelVersionDiffRequest(dataset_id=dataset.id), metadata=analyst.metadata)
    assert (cancelled.status, cancelled.id) == ("cancelled", started.id)
    request = pb2.WatchVersionDiffRequest(dataset_id=dataset.id)
    seen = list(diffs.WatchVersionDiff(request, metadata=analyst.metadata, timeout=120))
    assert (seen[-1].status, seen[-1].id) == ("succeeded", started.id)
    assert seen[-1].rows_added == seen[-1].rows_removed == sum(n * 7 % 1000 != n * 11 % 1000 for n in range(150_000))


def test_a_deleted_datasets_differences_are_gone_and_others_never_see_them(rig, analyst, two, diff):
    diff(analyst, two.id)
    assert failure_of(lambda: diff(rig.hire(), two.id)).code is CODE.NOT_FOUND
    rig.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(id=two.id), metadata=analyst.metadata)
    assert failure_of(lambda: diff(analyst, two.id)).code is CODE.NOT_FOUND
