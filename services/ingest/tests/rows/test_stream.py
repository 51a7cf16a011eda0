"""Rows as an Arrow stream through the running service."""

import time

import grpc
import pyarrow as pa
import pytest
from raia.ingest.v1 import reader_service_pb2 as reader

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode


def acting(rig, person, service="ml", scope="datasets.read"):
    """The token of a service that acts for the person."""
    return rig.bearer(sub=str(person.id), org=str(person.org_id), act={"sub": service}, scope=scope, job="j1")


def read(rig, metadata, dataset_id, **request):
    return rig.reader.Read(reader.ReadRequest(dataset_id=dataset_id, **request), metadata=metadata)


def table_of(responses):
    parts = list(responses)
    assert all(len(part.data) <= 1024**2 for part in parts)
    return parts[0], pa.ipc.open_stream(b"".join(part.data for part in parts)).read_all(), parts


def test_rows_arrive_whole_and_typed(rig, analyst):
    dataset = rig.upload(analyst, "id,name,day\n1,Ann,2024-01-02\n2,,\n")
    first, table, _ = table_of(read(rig, acting(rig, analyst), dataset.id))
    assert (first.version, first.row_count, len(first.sha256)) == (1, 2, 64)
    assert table.column("id").to_pylist() == [1, 2]
    assert str(table.schema.field("day").type) == "date32[day]"


def test_large_tables_come_in_batches_of_a_mebibyte(rig, analyst):
    content = "n,text\n" + "".join(f"{n},{'x' * 60}\n" for n in range(100_000))
    dataset = rig.ready(analyst, content)
    _, table, parts = table_of(read(rig, acting(rig, analyst), dataset.id))
    assert table.num_rows == 100_000
    assert table.column("n").to_pylist() == list(range(100_000))
    assert len(parts) > 5


def test_a_row_larger_than_a_message_still_arrives(rig, analyst):
    long = "y" * (3 * 1024**2)
    dataset = rig.upload(analyst, f"a,b\n1,{long}\n2,z\n")
    _, table, _ = table_of(read(rig, acting(rig, analyst), dataset.id))
    assert table.column("b").to_pylist() == [long, "z"]


def test_columns_are_chosen_in_order(rig, analyst):
    dataset = rig.upload(analyst, "a,b,c\n1,2,3\n")
    _, table, _ = table_of(read(rig, acting(rig, analyst), dataset.id, columns=["c", "a"]))
    assert table.to_pylist() == [{"c": 3, "a": 1}]
    failure = failure_of(lambda: read(rig, acting(rig, analyst), dataset.id, columns=["nothing"]))
    assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "COLUMN_NOT_FOUND")


def test_a_table_without_rows_has_its_schema(rig, analyst):
    dataset = rig.upload(analyst, "a,b\n")
    assert table_of(read(rig, acting(rig, analyst), dataset.id))[1].schema.names == ["a", "b"]


def test_only_services_that_act_for_somebody_who_may_read_get_rows(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n")
    assert failure_of(lambda: read(rig, analyst.metadata, dataset.id)).code is CODE.PERMISSION_DENIED
    assert failure_of(lambda: read(rig, acting(rig, analyst, "gateway"), dataset.id)).code is CODE.PERMISSION_DENIED
    stranger, nobody = rig.hire(), rig.hire("nobody", analyst.org_id)
    assert failure_of(lambda: read(rig, acting(rig, stranger), dataset.id)).code is CODE.NOT_FOUND
    assert failure_of(lambda: read(rig, acting(rig, nobody), dataset.id)).code is CODE.NOT_FOUND
    unscoped = acting(rig, analyst, scope="models.read")
    assert failure_of(lambda: read(rig, unscoped, dataset.id)).code is CODE.NOT_FOUND


def test_a_reader_that_leaves_frees_its_child(rig, analyst):
    content = "n,text\n" + "".join(f"{n},{'x' * 60}\n" for n in range(200_000))
    dataset = rig.ready(analyst, content)
    pool = rig.process.running["row streams"].pool
    for _ in range(4):
        responses = read(rig, acting(rig, analyst), dataset.id)
        next(responses)
        responses.cancel()
    wait_until(lambda: pool.stats().busy == 0)


@pytest.mark.slow
def test_a_killed_child_ends_the_stream_with_an_error(rig, analyst):
    content = "n,text\n" + "".join(f"{n},{'x' * 60}\n" for n in range(400_000))
    dataset = rig.ready(analyst, content)
    responses = read(rig, acting(rig, analyst), dataset.id)
    next(responses)
    time.sleep(0.2)
    pool = rig.process.running["row streams"].pool
    for child in list(pool._children):
        child.kill(why="test")
    failure = failure_of(lambda: responses)
    assert failure.code is CODE.UNAVAILABLE
