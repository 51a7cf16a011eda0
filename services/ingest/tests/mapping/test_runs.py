"""Runs through the running service: entities, ledger, review queue, retry, anomalies."""

import grpc
import pytest
from google.protobuf import struct_pb2
from raia.ingest.v1 import dataset_service_pb2 as datasets_pb2
from raia.ingest.v1 import mapping_run_service_pb2 as pb2

from ..rig import failure_of

CODE = grpc.StatusCode
SCHEMA = """entity,field,type,description,values,unit,key,required,references
SITES,site_id,string,Identifier of the site,,,yes,,
SITES,city,string,City of the site,,,,,
SENSORS,sensor_id,string,Identifier of the sensor,,,yes,,
SENSORS,site_id,string,The site of the sensor,,,,,SITES.site_id
SENSORS,kind,string,What is measured,temperature|humidity,,,,
READINGS,reading_id,string,Identifier of the reading,,,yes,,
READINGS,sensor_id,string,The sensor that measured,,,,yes,SENSORS.sensor_id
READINGS,measured_at,datetime,Time of the measurement,,,,yes,
READINGS,value,float,Measured value,,km,,,
ANOMALIES,anomaly_id,string,Identifier,,,yes,,
ANOMALIES,record_id,string,Key of the row,,,,,
ANOMALIES,score,float,How unusual,,,,,
"""
HEADER = "site,city,sensor,kind,time,dist_m\n"


def rows(count=40, **changed):
    lines = []
    for n in range(count):
        row = {
            "site": f"S{n % 3}",
            "city": ("Bern", "Graz", "Ulm")[n % 3],
            "sensor": f"D{n % 6}",
            "kind": ("Temperature", "humidity")[n % 2],
            "time": f"2024-03-{n % 28 + 1:02d} 10:00",
            "dist_m": str(1000 + n),
        }
        row.update(changed.get(f"row{n + 1}", {}))
        lines.append(",".join(row.values()))
    return HEADER + "\n".join(lines) + "\n"


FIELDS = {
    "site": "SITES.site_id", "city": "SITES.city", "sensor": "SENSORS.sensor_id", "kind": "SENSORS.kind",
    "time": "READINGS.measured_at", "dist_m": "READINGS.value",
}  # fmt: skip


@pytest.fixture
def mapped(mapper):
    """Maps a file to a schema of sites, sensors and readings, and answers the mapping."""
    schema = mapper.schema(name="plant", format="csv", content=SCHEMA)

    def of(content, **fields):
        mapping = mapper.suggest(content, schema_id=schema.id)
        told = [{"column": name, "decision": "correct", "field": field} for name, field in {**FIELDS, **fields}.items()]
        return mapper.decide(mapping.id, *told)

    return of


def entity_rows(mapper, run, entity):
    filled = next(each for each in run.entities if each.entity == entity)
    shown = mapper.call(
        mapper.rig.datasets.PreviewDataset, datasets_pb2.PreviewDatasetRequest(id=filled.dataset_id, page_size=100)
    )
    names = [column.name for column in shown.columns]
    return [dict(zip(names, row, strict=True)) for row in shown.rows]


def test_a_file_fills_related_entities_and_the_ledger_balances(mapper, mapped):
    run = mapper.run(mapped(rows()).id)
    ledger = run.ledger
    assert (ledger.records_read, ledger.stored, ledger.repaired, ledger.rejected) == (40, 40, 0, 0)
    filled = {each.entity: (each.inserted, each.updated, each.row_count) for each in run.entities}
    assert filled == {"SITES": (3, 0, 3), "SENSORS": (6, 0, 6), "READINGS": (40, 0, 40)}
    sensors = {row["sensor_id"]: row for row in entity_rows(mapper, run, "SENSORS")}
    assert sensors["D1"]["site_id"] == "S1" and sensors["D1"]["kind"] == "humidity"
    readings = entity_rows(mapper, run, "READINGS")
    assert {row["sensor_id"] for row in readings} == {f"D{n}" for n in range(6)}
    assert sorted(row["value"] for row in readings)[:2] == pytest.approx([1.0, 1.001])  # metres became kilometres
    assert not run.unresolved


def test_the_same_file_again_changes_nothing_but_versions(mapper, mapped):
    mapping = mapped(rows())
    first, second = mapper.run(mapping.id), mapper.run(mapping.id)
    again = {each.entity: (each.inserted, each.updated, each.row_count, each.version) for each in second.entities}
    assert again == {"SITES": (0, 3, 3, 2), "SENSORS": (0, 6, 6, 2), "READINGS": (0, 40, 40, 2)}
    assert [each.dataset_id for each in first.entities] == [each.dataset_id for each in second.entities]


def test_bad_records_wait_for_a_person_and_a_retry_stores_them(mapper, mapped):
    content = rows(
        row2={"time": ""}, row5={"dist_m": "far"}, row7={"kind": "temprature"}, row9={"sensor": ""},
        row11={"kind": "colour of the wall"},
    )  # fmt: skip
    run = mapper.run(mapped(content).id)
    ledger = run.ledger
    assert ledger.records_read == 40 == ledger.stored + ledger.repaired + ledger.rejected
    assert (ledger.repaired, ledger.rejected) == (3, 2)
    reasons = {(each.reason, each.field): each.count for each in ledger.reasons}
    assert reasons == {
        ("required_missing", "READINGS.measured_at"): 1,
        ("key_missing", "SENSORS.sensor_id"): 1,
        ("required_missing", "READINGS.sensor_id"): 1,
        ("not_a_number", "READINGS.value"): 1,
        ("corrected_value", "SENSORS.kind"): 1,
        ("unknown_value", "SENSORS.kind"): 1,
    }
    assert run.open_review_count == 2
    items = mapper.items(run.id).review_items
    assert [(each.record, each.reason, each.field) for each in items] == [
        (2, "required_missing", "READINGS.measured_at"), (9, "key_missing", "SENSORS.sensor_id"),
    ]  # fmt: skip
    assert items[0].row["site"] == "S1" and items[0].status == "open"
    page = mapper.items(run.id, page_size=1)
    assert [
        each.record for each in mapper.items(run.id, page_size=1, page_token=page.next_page_token).review_items
    ] == [9]
    failure = failure_of(lambda: mapper.call(mapper.runs.RetryMappingRun, pb2.RetryMappingRunRequest(id=run.id)))
    assert failure.reason == "NOTHING_TO_RETRY"
    values = struct_pb2.Struct()
    values["time"] = "2024-03-02 11:00"
    corrected = mapper.call(
        mapper.runs.ResolveReviewItem,
        pb2.ResolveReviewItemRequest(id=run.id, item_id=items[0].id, action="correct", values=values),
    )
    assert corrected.status == "corrected"
    dismiss = pb2.ResolveReviewItemRequest(id=run.id, item_id=items[1].id, action="dismiss")
    assert mapper.call(mapper.runs.ResolveReviewItem, dismiss).status == "dismissed"
    failure = failure_of(lambda: mapper.call(mapper.runs.ResolveReviewItem, dismiss))
    assert failure.reason == "REVIEW_ITEM_CLOSED"
    retried = mapper.ran(mapper.call(mapper.runs.RetryMappingRun, pb2.RetryMappingRunRequest(id=run.id)).id)
    assert (retried.ledger.records_read, retried.ledger.stored) == (1, 1)
    assert next(each for each in retried.entities if each.entity == "READINGS").row_count == 39
    assert mapper.items(run.id, filter='status = "stored"').review_items[0].record == 2


def test_references_to_nothing_are_listed_or_rejected(mapper, mapped):
    content = "sensor,time,dist_m\nD1,2024-01-01 10:00,5\nD2,2024-01-01 10:00,6\n"
    mapping = mapper.suggest(content, schema_id=mapped(rows()).schema_id)
    mapper.decide(
        mapping.id, {"column": "sensor", "decision": "correct", "field": "READINGS.sensor_id"},
        {"column": "time", "decision": "accept", "field": "READINGS.measured_at"},
        {"column": "dist_m", "decision": "accept", "field": "READINGS.value"},
    )  # fmt: skip
    run = mapper.run(mapping.id)
    assert (run.ledger.records_read, run.ledger.rejected) == (2, 2)
    assert {each.reason for each in run.ledger.reasons} == {"unresolved_reference"}


def test_unusual_values_become_rows_of_anomalies(mapper, mapped):
    content = rows(row3={"dist_m": "90000000"})
    mapping = mapped(content)
    chosen = {each.task: each.algorithm for each in mapper.columns(mapping.id)["dist_m"].algorithms if each.chosen}
    assert chosen["anomaly_detection"] == "robust_z"
    run = mapper.run(mapping.id)
    assert run.anomaly_count == 1
    found = entity_rows(mapper, run, "ANOMALIES")
    assert found[0]["score"] > 100
    reading = next(row for row in entity_rows(mapper, run, "READINGS") if row["value"] == 90_000)
    assert found[0]["record_id"] == reading["reading_id"]


def test_a_mapping_without_fields_is_not_run(mapper, mapped):
    mapping = mapper.suggest("zz,yy\n1,2\n", schema_id=mapped(rows()).schema_id)
    mapper.decide(mapping.id, {"column": "zz", "decision": "none"}, {"column": "yy", "decision": "none"})
    request = pb2.StartMappingRunRequest(mapping_id=mapping.id)
    failure = failure_of(lambda: mapper.call(mapper.runs.StartMappingRun, request))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "MAPPING_EMPTY")


def test_what_is_switched_off_is_not_done(mapper, mapped):
    mapping = mapped(rows(row7={"kind": "temprature"}))
    off = {"task": "normalisation", "algorithm": "off"}
    exact = {"task": "value_mapping", "algorithm": "exact_value"}
    mapper.decide(
        mapping.id,
        {"column": "dist_m", "decision": "accept", "field": "READINGS.value", "algorithms": [off]},
        {"column": "kind", "decision": "accept", "field": "SENSORS.kind", "algorithms": [exact]},
    )
    run = mapper.run(mapping.id)
    assert min(row["value"] for row in entity_rows(mapper, run, "READINGS")) == 1000
    assert {each.reason for each in run.ledger.reasons} == {"unknown_value"}
    chosen = mapper.columns(mapper.suggest(rows(), schema_id=mapping.schema_id).id)["kind"].algorithms
    assert [(each.algorithm, each.source) for each in chosen if each.chosen] == [("exact_value", "feedback")]
