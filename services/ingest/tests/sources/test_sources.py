"""Files in watched folders become versions by themselves, each once."""

import os
import uuid

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from raia.ingest.v1 import processing_service_pb2, processing_service_pb2_grpc, profile_service_pb2, source_pb2
from raia.ingest.v1 import source_service_pb2 as pb2

from ..rig import Person, Rig, failure_of, wait_until
from .calls import Client, client_of

CODE = grpc.StatusCode
SALES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,Lamp,2,2024-01-01 09:00:00,5.0,c1,France
2,A,Lamp,1,2024-01-02 15:00:00,5.0,c2,Spain
"""


@pytest.fixture
def client(rig: Rig, analyst: Person) -> Client:
    return client_of(rig, analyst)


def test_a_file_is_taken_processed_profiled_and_told(rig, analyst, client):
    client.drop("day-1.csv", SALES)
    source = client.create(dataset_name="sales")
    (item,) = client.ended(source, 1)
    assert (item.status, item.key, item.version, item.attempts) == ("taken", "day-1.csv", 1, 1)
    dataset = rig.get(analyst, item.dataset_id)
    assert (dataset.name, dataset.status, dataset.row_count, dataset.uploaded_by) == (
        "sales",
        "ready",
        2,
        str(analyst.id),
    )
    assert dict(dataset.origin) == {
        "kind": "source",
        "source_id": source.id,
        "source_name": "inbox",
        "source_item_id": item.id,
        "item_key": "day-1.csv",
    }
    request = profile_service_pb2.GetDatasetProfileRequest(dataset_id=dataset.id)
    wait_until(lambda: rig.rows("select 1 from dataset_profile where dataset_id = %s", dataset.id))
    request.wait.seconds = 20
    assert rig.profiles.GetDatasetProfile(request, metadata=analyst.metadata).status == "succeeded"
    processing = processing_service_pb2_grpc.ProcessingServiceStub(rig.channel)
    wanted = processing_service_pb2.ListProcessingResultsRequest(filter=f'dataset_id = "{dataset.id}"')

    def processed() -> list[str]:
        found = processing.ListProcessingResults(wanted, metadata=analyst.metadata).processing_results
        return [f"{each.processor} {each.status}" for each in found]

    wait_until(lambda: processed() == ["sales succeeded"])
    assert rig.events(source.id) == ["SourceItemTaken"]
    kinds = rig.rows(
        "select payload is not null from raia_log.event where key = %s and type like '%%SourceItemTaken'", source.id
    )
    assert kinds == [(True,)]
    # What was taken is known: looks that follow take nothing twice.
    client.looked(source)
    assert [each.version for each in client.items(source)] == [1]
    seen = client.get(source)
    assert (seen.status, seen.taken_count, seen.failed_count, seen.error) == ("waiting", 1, 0, "")


def test_files_of_a_fixed_dataset_are_its_versions_in_their_order(rig, analyst, client):
    for day in range(1, 6):
        client.drop(f"day-{day}.csv", SALES + f"{day + 10},A,Lamp,{day},2024-01-02 15:00:00,5.0,c2,Spain\n")
    source = client.create(dataset_name="days", profile=False)
    items = client.ended(source, 5)
    assert [(item.key, item.version) for item in items] == [(f"day-{day}.csv", day) for day in range(1, 6)]
    assert len({item.dataset_id for item in items}) == 1
    assert not rig.rows("select 1 from dataset_profile where dataset_id = %s", items[0].dataset_id)


def test_without_one_each_file_is_a_dataset_of_its_name(rig, analyst, client):
    client.drop("a.csv", "x\n1\n")
    client.drop("inner/b.csv", "x\n1\n")
    client.drop("c.txt.part", "x\n1\n")
    client.drop(".hidden.csv", "x\n1\n")
    client.drop("d.log", "x\n1\n")
    source = client.create(folder=source_pb2.FolderPlace(recursive=True, include=["*.csv"]))
    items = client.ended(source, 2)
    assert [item.key for item in items] == ["a.csv", "inner/b.csv"]
    assert [rig.get(analyst, item.dataset_id).name for item in items] == ["a", "b"]
    flat = client.create("flat", folder=source_pb2.FolderPlace(path="inner"))
    assert [item.key for item in client.ended(flat, 1)] == ["b.csv"]


def test_a_file_that_grows_is_taken_when_it_is_whole(client):
    path = client.drop("growing.csv", "x\n")
    source = client.create(settle_seconds=2)
    for number in range(6):
        with path.open("a") as file:
            file.write(f"{number}\n")
        wait_until(lambda: client.items(source))
        assert [item.status for item in client.items(source)] == ["waiting"]
        client.looked(source)
    (item,) = client.ended(source, 1)
    assert (item.status, item.size) == ("taken", path.stat().st_size)


def test_a_changed_file_is_a_version_and_a_touched_one_is_not(rig, analyst, client):
    path = client.drop("table.csv", "x\n1\n")
    source = client.create()
    client.ended(source, 1)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    statuses = [item.status for item in client.ended(source, 2)]
    assert sorted(statuses) == ["taken", "unchanged"]
    client.drop("table.csv", "x\n1\n2\n")
    items = client.ended(source, 3)
    assert sorted((item.status, item.version) for item in items) == [("taken", 1), ("taken", 2), ("unchanged", 1)]
    client.drop("table.csv", "x\n1\n")  # as it was first: that is a change, too
    assert max(item.version for item in client.ended(source, 4)) == 3


def test_what_cannot_be_read_fails_with_its_reason_and_can_be_retried(rig, analyst, client):
    client.drop("bad.csv", b"\x89PNG\r\n\x1a\n" + bytes(100))
    client.drop("empty.csv", "")
    client.drop("good.csv", "x\n1\n")
    source = client.create()
    client.ended(source, 3)
    failed = client.items(source, 'status = "failed"')
    assert [item.key for item in failed] == ["bad.csv", "empty.csv"]
    assert all(item.error for item in failed)
    assert "empty" in failed[1].error
    assert client.get(source).failed_count == 2
    again = client.retry(failed[0])
    assert (again.status, again.error) == ("pending", "")
    wait_until(lambda: client.items(source, 'key = "bad.csv"')[0].attempts == 2)
    wait_until(lambda: client.items(source, 'key = "bad.csv"')[0].status == "failed")
    assert rig.events(source.id).count("SourceItemFailed") == 3
    taken = client.items(source, 'status = "taken"')[0]
    assert client.retry(taken).status == "taken"


def test_stopped_sources_are_not_looked_at(client):
    client.drop("a.csv", "x\n1\n")
    source = client.create(enabled=False)
    assert (source.status, source.HasField("next_poll_at")) == ("stopped", False)
    assert failure_of(lambda: client.call("Poll", source)).reason == "SOURCE_STOPPED"
    started = client.call("Start", source)
    assert started.enabled
    client.ended(source, 1)
    stopped = client.call("Stop", source)
    assert (stopped.status, stopped.enabled) == ("stopped", False)
    client.drop("b.csv", "x\n2\n")
    polled = client.get(source).polled_at
    wait_until(lambda: True)
    assert client.get(source).polled_at == polled
    client.call("Start", source)
    client.ended(source, 2)


def test_there_is_one_chain_however_often_it_is_asked_for(rig, client):
    source = client.create(poll_seconds=3600)
    client.looked(source)
    for _ in range(20):
        client.call("Poll", source)
    client.call("Stop", source)
    for _ in range(3):
        client.call("Start", source)
    wait_until(lambda: [due for _, due in under_way(rig, source)] == [True])
    ((job, _),) = under_way(rig, source)
    assert rig.rows("select poll_job_id from source where id = %s", source.id) == [(job,)]
    client.drop("now.csv", "x\n1\n")
    client.call("Poll", source)
    assert [item.status for item in client.ended(source, 1)] == ["taken"]


def under_way(rig, source):
    """The looks that wait or are under way, each with whether it waits for its time."""
    return rig.rows(
        "select id, scheduled_at is not null and status = 'todo' from procrastinate_jobs "
        "where status in ('todo', 'doing') and task_name = 'ingest.source_look' "
        "and args -> 'args' ->> 'source_id' = %s",
        source.id,
    )


def test_a_place_that_is_away_is_told_once_and_looked_at_again(rig, client):
    source = client.create(folder=source_pb2.FolderPlace(path="later"))
    wait_until(lambda: client.get(source).failures >= 2)
    failed = client.get(source)
    assert (failed.status, "cannot be looked at" in failed.error) == ("failed", True)
    client.drop("later/a.csv", "x\n1\n")
    client.call("Poll", source)
    assert [item.status for item in client.ended(source, 1)] == ["taken"]
    wait_until(lambda: client.get(source).status == "waiting")
    assert (client.get(source).failures, client.get(source).error) == (0, "")
    assert rig.events(source.id) == ["SourceFailed", "SourceItemTaken"]


def test_no_path_leads_out_of_what_is_allowed(rig, client, tmp_path):
    (tmp_path / "secret.csv").write_text("x\n1\n")
    (client.folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (client.folder / "out").symlink_to(tmp_path)
    os.mkfifo(client.folder / "pipe.csv")
    for path in ("..", "../x", "a/../../b", str(tmp_path), "/etc", str(client.folder) + "/../other"):
        failure = failure_of(lambda: client.create(folder=source_pb2.FolderPlace(path=path)))  # noqa: B023 - called at once
        assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "SOURCE_PLACE_INVALID")
    source = client.create(folder=source_pb2.FolderPlace(recursive=True))
    through = client.create("through", folder=source_pb2.FolderPlace(path="out"))
    client.looked(source)
    wait_until(lambda: client.get(through).status == "failed")
    assert not client.items(source)
    assert not client.items(through)
    absolute = client.create("absolute", folder=source_pb2.FolderPlace(path=str(client.folder / "in")))
    assert absolute.folder.path == str(client.folder / "in")


def test_a_name_that_is_no_text_is_told(client):
    (client.folder / os.fsdecode(b"\xff.csv")).write_text("x\n1\n")
    client.drop("good.csv", "x\n1\n")
    source = client.create()
    wait_until(lambda: [item.status for item in client.items(source)] == ["failed", "taken"])
    assert client.items(source)[0].key == "\\xff.csv"


def test_changes(rig, analyst, client):
    source = client.create(poll_seconds=3600)
    assert failure_of(client.create).reason == "SOURCE_NAME_TAKEN"
    changed = client.call("Update", source, name="outbox", profile=False, update_mask=FieldMask(paths=["name"]))
    assert (changed.name, changed.profile) == ("outbox", True)
    assert changed.etag != source.etag
    stale = failure_of(lambda: client.call("Update", source, name="x", etag=source.etag))
    assert (stale.code, stale.reason) == (CODE.ABORTED, "ETAG_MISMATCH")
    moved = client.call("Update", source, folder=source_pb2.FolderPlace(path="in"), dataset_name="d")
    assert (moved.folder.path, moved.dataset_name, moved.name) == ("in", "d", "outbox")
    emptied = client.call("Update", source, update_mask=FieldMask(paths=["dataset_name"]))
    assert emptied.dataset_name == ""
    objects = source_pb2.ObjectsPlace(url="s3://b/p")
    assert failure_of(lambda: client.call("Update", source, objects=objects)).reason == "SOURCE_PLACE_INVALID"
    other = client.create("other")
    taken = failure_of(lambda: client.call("Update", other, name="outbox"))
    assert (taken.code, taken.reason) == (CODE.ALREADY_EXISTS, "SOURCE_NAME_TAKEN")
    listed = client.stub.ListSources(pb2.ListSourcesRequest(order_by="name", page_size=1), metadata=client.headers)
    assert [each.name for each in listed.sources] == ["other"]
    rest = pb2.ListSourcesRequest(order_by="name", page_size=1, page_token=listed.next_page_token)
    assert [each.name for each in client.stub.ListSources(rest, metadata=client.headers).sources] == ["outbox"]
    client.call("Delete", source)
    assert failure_of(lambda: client.get(source)).code is CODE.NOT_FOUND
    wait_until(lambda: not under_way(rig, source))
    assert client.create("outbox").id != source.id


def test_others_see_nothing(rig, analyst, client):
    client.drop("a.csv", "x\n1\n")
    source = client.create()
    (item,) = client.ended(source, 1)
    stranger = client_of(rig, rig.hire())
    assert not stranger.stub.ListSources(pb2.ListSourcesRequest(), metadata=stranger.headers).sources
    for ask in (
        lambda: stranger.get(source),
        lambda: stranger.items(source),
        lambda: stranger.retry(item),
        lambda: stranger.call("Delete", source),
        lambda: client.call("Poll", source_pb2.Source(id=str(uuid.uuid4()))),
    ):
        assert failure_of(ask).code is CODE.NOT_FOUND
    viewer = client_of(rig, rig.hire("viewer", analyst.org_id))
    assert viewer.get(source).id == source.id
    assert failure_of(lambda: viewer.call("Stop", source)).code is CODE.PERMISSION_DENIED
