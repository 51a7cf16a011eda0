import grpc
import pytest
from raia_testing import catalogue

from ..rig import failure_of, wait_until
from .calls import SCHEMA, Streams, record, table

CODE = grpc.StatusCode


@pytest.fixture
def streams(rig, analyst) -> Streams:
    return Streams(rig.channel, analyst)


def landed(streams, stream_id, rows):
    wait_until(lambda: streams.GetStreamMetrics(id=stream_id).records_landed == rows, 30)


def test_deliveries_are_checked_stored_once_and_landed_as_a_version(rig, analyst, streams):
    stream = streams.webhook()
    assert stream.status == "running"
    bad = [
        {"amount": 1.0},
        record(7, amount=-1),
        record(8, region="east"),
        record(9, colour="red"),
        record(10, at="2026-03-01T12:00:00"),
        record(11, region="southern"),
    ]
    answer = streams.DeliverRecords(id=stream.id, delivery_id="d-1", records=[record(1), *bad, record(2, region=None)])
    assert (answer.records_stored, answer.records_rejected, answer.repeated) == (2, 6, False)
    again = streams.DeliverRecords(id=stream.id, delivery_id="d-1", records=[record(1), *bad, record(2, region=None)])
    assert (again.records_stored, again.records_rejected, again.repeated) == (2, 6, True)
    failure = failure_of(lambda: streams.DeliverRecords(id=stream.id, delivery_id="d-1", records=[record(3)]))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "DELIVERY_ID_REUSED")

    metrics = streams.GetStreamMetrics(id=stream.id)
    assert (metrics.records_received, metrics.records_stored, metrics.records_rejected) == (8, 2, 6)
    assert (metrics.records_waiting, metrics.deliveries_repeated, metrics.records_landed) == (2, 1, 0)
    assert metrics.records_per_second > 0
    assert not metrics.HasField("lag")
    assert [(minute.records_received, minute.records_rejected) for minute in metrics.minutes] == [(8, 6)]

    found = streams.ListStreamRejections(id=stream.id, order_by="received_at asc", page_size=10).rejections
    assert sorted((each.field, each.code) for each in found) == [
        ("amount", "range"),
        ("at", "type"),
        ("colour", "unknown_field"),
        ("id", "missing"),
        ("region", "not_allowed"),
        ("region", "too_long"),
    ]
    ranged = streams.ListStreamRejections(id=stream.id, filter='code = "range"').rejections
    assert [(each.position, each.reason) for each in ranged] == [
        ("delivery d-1, record 3", "-1.0 is below the minimum 0")
    ]

    stopped = streams.StopStream(id=stream.id)
    assert stopped.status == "inactive"
    failure = failure_of(lambda: streams.DeliverRecords(id=stream.id, delivery_id="d-2", records=[record(3)]))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "STREAM_NOT_RUNNING")
    landed(streams, stream.id, 2)
    rows = table(rig, stream.id).to_pylist()
    assert [(row["id"], row["amount"], row["region"], row["at"].isoformat()) for row in rows] == [
        (1, 0.5, "north", "2026-03-01T11:00:00+00:00"),
        (2, 1.0, None, "2026-03-01T11:00:00+00:00"),
    ]
    shown = streams.GetStream(id=stream.id)
    dataset = rig.get(analyst, shown.dataset_id)
    assert (dataset.name, dataset.row_count, dataset.rejected_row_count, dataset.status) == ("orders", 2, 6, "ready")
    assert dataset.origin.fields["kind"].string_value == "stream"
    assert [(column["name"], column["type"]) for column in dataset.schema_info["columns"]] == [
        ("id", "integer"),
        ("amount", "float"),
        ("region", "string"),
        ("at", "datetime"),
    ]
    assert rig.events(stream.id) == ["StreamStarted", "StreamStopped", "StreamLanded"]


def test_records_land_when_there_are_enough_and_when_they_have_waited(rig, streams):
    stream = streams.webhook("counted", landing={"max_records": 100, "max_seconds": 1000, "dataset_name": "counts"})
    for part in range(4):
        rows = [record(number) for number in range(part * 30, part * 30 + 30)]
        streams.DeliverRecords(id=stream.id, delivery_id=str(part), records=rows)
    landed(streams, stream.id, 120)
    assert table(rig, stream.id).column("id").to_pylist() == list(range(120))
    timed = streams.webhook("timed", landing={"max_seconds": 1})
    streams.DeliverRecords(id=timed.id, delivery_id="only", records=[record(1)])
    landed(streams, timed.id, 1)
    assert streams.GetStreamMetrics(id=timed.id).landings == 1


def test_other_fields_are_kept_or_dropped_as_the_schema_says(rig, streams):
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "extra", "type": "json"}]}
    kept = streams.webhook("kept", schema_info={**schema, "unknown_fields": "keep"})
    rows = [{"n": "12345678901234567", "extra": {"a": [1, 2.5]}, "more": True}, {"n": 3}, {"n": 2**60}]
    answer = streams.DeliverRecords(id=kept.id, delivery_id="1", records=rows)
    assert (answer.records_stored, answer.records_rejected) == (2, 1)  # 2**60 came as a float: it may be another number
    streams.StopStream(id=kept.id)
    landed(streams, kept.id, 2)
    assert table(rig, kept.id).to_pylist() == [
        {"n": 12345678901234567, "extra": '{"a":[1,2.5]}', "other_fields": '{"more":true}'},
        {"n": 3, "extra": None, "other_fields": None},
    ]
    dropped = streams.webhook("dropped", schema_info={**schema, "unknown_fields": "drop"})
    answer = streams.DeliverRecords(id=dropped.id, delivery_id="1", records=[{"n": 1, "more": True}])
    assert answer.records_stored == 1


def test_a_schema_changes_between_runs_and_what_waits_lands_as_it_was(rig, streams):
    stream = streams.webhook("changing")
    streams.DeliverRecords(id=stream.id, delivery_id="1", records=[record(1)])
    schema = {"fields": [{"name": "id", "type": "string"}]}
    failure = failure_of(lambda: streams.UpdateStream(id=stream.id, schema_info=schema))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "STREAM_RUNNING")
    streams.StopStream(id=stream.id)
    changed = streams.UpdateStream(id=stream.id, schema_info=schema, description="new")
    assert (changed.description, changed.etag) == ("new", "2")
    failure = failure_of(lambda: streams.UpdateStream(id=stream.id, description="x", etag="1"))
    assert failure.reason == "ETAG_MISMATCH"
    streams.StartStream(id=stream.id)
    streams.DeliverRecords(id=stream.id, delivery_id="2", records=[{"id": "a"}])
    streams.DeleteStream(id=stream.id)
    wait_until(lambda: rig.rows("select 1 from stream_landing where stream_id = %s and number = 2", stream.id), 30)
    versions = rig.rows("select v.row_count, v.column_count from dataset_version v join stream_landing l on"
                        " v.dataset_id = l.dataset_id and v.version = l.dataset_version where l.stream_id = %s"
                        " order by number", stream.id)  # fmt: skip
    assert versions == [(1, 4), (1, 1)]
    assert failure_of(lambda: streams.GetStream(id=stream.id)).code is CODE.NOT_FOUND


def test_streams_that_cannot_be_are_refused(streams):
    def refused(**values):
        wanted = {"name": "x", "source_type": "webhook", "schema_info": SCHEMA}
        failure = failure_of(lambda: streams.CreateStream(**{**wanted, **values}))
        return failure.reason, failure.metadata.get("field")

    def fields(*given):
        return {"fields": [{"type": "string", **each} for each in given]}

    assert refused(connection_config={"topic": "t"}) == ("STREAM_INVALID", "connection_config.topic")
    assert refused(source_type="kafka")[0] == "STREAM_INVALID"
    kafka = {"bootstrap_servers": ["h:0"], "topic": "t"}
    assert refused(source_type="kafka", connection_config=kafka)[1] == "connection_config.bootstrap_servers[0]"
    kafka = {"bootstrap_servers": ["h:9092"], "topic": "a b"}
    assert refused(source_type="kafka", connection_config=kafka)[1] == "connection_config.topic"
    assert refused(schema_info={}) == ("STREAM_INVALID", "schema_info.fields")
    assert refused(schema_info=fields({"name": "a"}, {"name": "a"}))[1] == "schema_info.fields[1].name"
    assert refused(schema_info=fields({"name": "a", "minimum": 1}))[1] == "schema_info.fields[0].minimum"
    both = {"name": "a", "type": "float", "minimum": 2, "maximum": 1}
    assert refused(schema_info=fields(both))[1] == "schema_info.fields[0].minimum"
    assert refused(schema_info=fields({"name": "a", "type": "date", "allowed": ["b"]}))[1].endswith("allowed")
    streams.CreateStream(name="taken", source_type="webhook", schema_info=SCHEMA)
    assert refused(name="taken")[0] == "STREAM_NAME_TAKEN"


def test_lists_are_filtered_and_others_see_nothing(rig, streams):
    for name in ("a", "b"):
        streams.CreateStream(name=name, source_type="webhook", schema_info=SCHEMA)
    stream = streams.webhook("c")
    assert [each.name for each in streams.ListStreams(order_by="name").streams] == ["a", "b", "c"]
    assert [each.name for each in streams.ListStreams(filter='status = "running"').streams] == ["c"]
    stranger = Streams(rig.channel, rig.hire())
    assert not stranger.ListStreams().streams
    assert failure_of(lambda: stranger.GetStreamMetrics(id=stream.id)).code is CODE.NOT_FOUND
    viewer = Streams(rig.channel, rig.hire("viewer"))
    assert failure_of(viewer.ListStreams).code is CODE.PERMISSION_DENIED


def test_the_runtime_deletes_nothing_of_streams(rig):
    granted = catalogue.privileges(rig.service_database.admin_url, "ingest", "raia_ingest")
    assert all("DELETE" not in rights for name, rights in granted.items() if name.startswith("stream_"))
