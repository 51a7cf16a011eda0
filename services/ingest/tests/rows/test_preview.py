"""Pages of rows through the running service."""

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from ..rig import failure_of, pb2

CODE = grpc.StatusCode


def preview(rig, person, dataset_id, **request):
    return rig.datasets.PreviewDataset(pb2.PreviewDatasetRequest(id=dataset_id, **request), metadata=person.metadata)


def test_the_first_rows_are_shown_with_their_columns(rig, analyst):
    content = "id,name,big,day,when,ok,x\n1,Ann,9007199254740993,2024-01-02,2024-01-02T03:04:05Z,true,inf\n2,,,,,,1.5\n"
    dataset = rig.upload(analyst, content)
    found = preview(rig, analyst, dataset.id)
    assert [(column.name, column.type) for column in found.columns][:3] == [
        ("id", "integer"), ("name", "string"), ("big", "integer"),
    ]  # fmt: skip
    assert [MessageToDict(row) for row in found.rows] == [
        [1.0, "Ann", "9007199254740993", "2024-01-02", "2024-01-02T03:04:05Z", True, "Infinity"],
        [2.0, None, None, None, None, None, 1.5],
    ]
    assert (found.row_count, found.version, found.next_page_token) == (2, 1, "")


def test_pages_cover_all_rows_once_over_row_groups(rig, analyst):
    dataset = rig.ready(analyst, "n\n" + "".join(f"{n}\n" for n in range(140_000)))
    found = preview(rig, analyst, dataset.id, page_size=1000)
    seen = [row[0] for row in found.rows]
    for _ in range(3):
        found = preview(rig, analyst, dataset.id, page_size=1000, page_token=found.next_page_token)
        seen += [row[0] for row in found.rows]
    assert seen == list(range(4000))


def test_a_page_token_keeps_its_version(rig, analyst):
    dataset = rig.upload(analyst, "n\n1\n2\n3\n", name="kept")
    first = preview(rig, analyst, dataset.id, page_size=2)
    rig.upload(analyst, "n\n9\n9\n9\n", name="kept")
    second = preview(rig, analyst, dataset.id, page_size=2, page_token=first.next_page_token)
    assert (second.version, [row[0] for row in second.rows], second.next_page_token) == (1, [3.0], "")
    failure = failure_of(lambda: preview(rig, analyst, dataset.id, version=2, page_token=first.next_page_token))
    assert failure.reason == "INVALID_PAGE_TOKEN"


def test_a_table_without_rows_has_columns(rig, analyst):
    dataset = rig.upload(analyst, "a,b\n")
    found = preview(rig, analyst, dataset.id)
    assert ([column.name for column in found.columns], len(found.rows)) == (["a", "b"], 0)


def test_long_texts_are_cut_and_large_pages_are_shortened(rig, analyst):
    dataset = rig.ready(analyst, "a,b\n" + "".join(f"{n},{'x' * 20_000}\n" for n in range(300)))
    found = preview(rig, analyst, dataset.id, page_size=300)
    assert 0 < len(found.rows) < 300
    assert len(found.rows[0][1]) == 10_001
    assert found.next_page_token


@pytest.mark.parametrize("wait", [0, 5])
def test_waiting_for_a_version_that_is_being_read(rig, analyst, wait):
    content = "n,text\n" + "".join(f"{n},row number {n} of a file that is larger {wait}\n" for n in range(400_000))
    dataset = rig.upload(analyst, content)
    request = pb2.PreviewDatasetRequest(id=dataset.id)
    request.wait.seconds = wait
    if wait == 0:
        try:
            assert len(rig.datasets.PreviewDataset(request, metadata=analyst.metadata).rows) == 20
        except grpc.RpcError as error:
            assert error.code() is CODE.FAILED_PRECONDITION
    rig.settled(analyst, dataset)
    assert len(rig.datasets.PreviewDataset(request, metadata=analyst.metadata).rows) == 20
