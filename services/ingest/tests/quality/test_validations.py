"""Validations and gates through the running service."""

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import reader_service_pb2

from ..rig import failure_of, wait_until
from ..rig import pb2 as datasets
from .calls import Quality

CODE = grpc.StatusCode
TOLD = ("DatasetValidated", "DatasetQuarantined", "DatasetReleased")
ORDERS = "id,customer,amount,day\n1,a,10,2024-01-01\n2,b,-5,2024-01-02\n2,,7,2024-01-03\n4,zz,3,2024-01-04\n"


@pytest.fixture
def quality(rig, analyst) -> Quality:
    return Quality(rig, analyst)


def read(rig, person, dataset_id, version=0):
    acting = {"act": {"sub": "ml"}, "scope": "datasets.read", "job": "j1"}
    headers = rig.bearer(sub=str(person.id), org=str(person.org_id), **acting)
    request = reader_service_pb2.ReadRequest(dataset_id=dataset_id, version=version)
    return list(rig.reader.Read(request, metadata=headers))


def test_every_failing_row_is_listed_with_its_values(rig, analyst, quality):
    dataset = rig.upload(analyst, ORDERS)
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, name="ids are unique")
    quality.rule(dataset.id, {"range": {"column": "amount", "minimum": 0}}, severity="warning")
    quality.rule(dataset.id, {"not_null": {"columns": ["customer"]}}, tolerance=0.5)
    quality.rule(dataset.id, {"length": {"column": "customer", "maximum": 1}}, enabled=False)
    validation = quality.validated(dataset.id)
    assert (validation.status, validation.passed, validation.row_count) == ("succeeded", False, 4)
    found = [(result.rule.name, result.status, result.failing_row_count) for result in validation.results]
    assert found == [
        ("ids are unique", "failed", 2),
        ("range amount", "failed", 1),
        ("not_null customer", "passed", 1),
    ]
    assert validation.failing_row_count == 2
    rows = quality.failing(validation, page_size=1)
    assert [(row.position, row.row_number, list(row.values)) for row in rows] == [
        (1, 2, [2, "b", -5, "2024-01-02"]),
        (1, 3, [2, None, 7, "2024-01-03"]),
        (2, 2, [2, "b", -5, "2024-01-02"]),
        (3, 3, [2, None, 7, "2024-01-03"]),
    ]
    assert [row.row_number for row in quality.failing(validation, 2)] == [2]
    (only,) = quality.failing(validation, 2, columns=["amount"])
    assert list(only.values) == [-5]
    assert rig.events(dataset.id).count("DatasetValidated") == 1
    assert validation.quality_gate == ""


def test_rules_that_come_with_the_request_are_run_and_not_kept(rig, analyst, quality):
    dataset = rig.upload(analyst, ORDERS)
    rule = {"check": {"row_condition": {"expression": "amount > 0 and customer <> 'zz'"}}, "severity": "info"}
    validation = quality.validated(dataset.id, rules=[rule])
    assert (validation.passed, validation.results[0].failing_row_count) == (True, 2)
    assert [row.row_number for row in quality.failing(validation)] == [2, 4]
    assert list(quality.call("ListQualityRules", filter=f'dataset_id = "{dataset.id}"').rules) == []


def test_a_dataset_without_rules_passes_with_nothing_checked(rig, analyst, quality):
    dataset = rig.upload(analyst, ORDERS)
    validation = quality.validated(dataset.id)
    assert (validation.status, validation.passed, len(validation.results)) == ("succeeded", True, 0)
    assert quality.failing(validation) == []


def test_a_gating_rule_keeps_back_what_fails_until_it_is_released(rig, analyst, quality):
    dataset = rig.upload(analyst, "id\n1\n2\n", name="gated")
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, name="ids", gates=True)
    assert read(rig, analyst, dataset.id)
    second = rig.upload(analyst, "id\n1\n1\n", name="gated")
    assert second.quality_gate == "checking"
    (validation,) = quality.validations(dataset.id)
    assert (validation.version, validation.trigger, validation.passed) == (2, "version", False)
    kept = rig.get(analyst, second.id)
    assert (kept.quality_gate, "ids: 2 of 2 rows fail" in kept.quality_gate_reason) == ("quarantined", True)
    failure = failure_of(lambda: read(rig, analyst, dataset.id))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "DATASET_QUARANTINED")
    assert read(rig, analyst, dataset.id, 1)
    release = {"dataset_id": dataset.id, "version": 2, "reason": "known and harmless"}
    denied = failure_of(lambda: quality.call("ReleaseDatasetVersion", **release))
    assert denied.code is CODE.PERMISSION_DENIED
    officer = Quality(rig, rig.hire("steward", analyst.org_id))
    released = officer.call("ReleaseDatasetVersion", **release)
    assert (released.quality_gate, released.quality_gate_reason) == ("released", "known and harmless")
    assert read(rig, analyst, dataset.id)
    assert rig.audited(analyst, "dataset_version.release")[0]["reason"] == "known and harmless"
    told = [name for name in rig.events(dataset.id) if name in TOLD]
    assert told == ["DatasetQuarantined", "DatasetValidated", "DatasetReleased"]
    assert quality.validated(dataset.id).quality_gate == "released"


def test_a_version_that_passes_its_gate_may_be_read(rig, analyst, quality):
    dataset = rig.upload(analyst, "id\n1\n2\n", name="passing")
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, gates=True)
    rig.upload(analyst, "id\n3\n4\n", name="passing")
    (validation,) = quality.validations(dataset.id)
    assert (validation.passed, validation.quality_gate) == (True, "passed")
    assert read(rig, analyst, dataset.id)


def test_a_gating_rule_that_cannot_be_evaluated_keeps_the_version_back(rig, analyst, quality):
    dataset = rig.upload(analyst, "id\n1\n", name="changed")
    quality.rule(dataset.id, {"not_null": {"columns": ["id"]}}, gates=True)
    rig.upload(analyst, "number\n1\n", name="changed")
    (validation,) = quality.validations(dataset.id)
    assert validation.results[0].status == "error"
    assert "no column 'id'" in rig.get(analyst, dataset.id).quality_gate_reason


def test_quarantine_by_hand_is_lifted_by_hand_alone(rig, analyst, quality):
    dataset = rig.upload(analyst, "id\n1\n")
    quality.rule(dataset.id, {"not_null": {"columns": ["id"]}}, gates=True)
    steward = Quality(rig, rig.hire("steward", analyst.org_id))
    place = {"dataset_id": dataset.id, "version": 1}
    nothing = failure_of(lambda: steward.call("ReleaseDatasetVersion", **place, reason="why not"))
    assert nothing.reason == "DATASET_NOT_QUARANTINED"
    steward.call("QuarantineDatasetVersion", **place, reason="wrong customer")
    assert quality.validated(dataset.id).quality_gate == "quarantined"
    assert failure_of(lambda: read(rig, analyst, dataset.id)).reason == "DATASET_QUARANTINED"
    steward.call("ReleaseDatasetVersion", **place, reason="right after all")
    assert read(rig, analyst, dataset.id)


def test_references_and_cross_table_rules_read_the_other_dataset(rig, analyst, quality):
    customers = rig.upload(analyst, "key,limit\na,20\nb,1\n", name="customers")
    dataset = rig.upload(analyst, ORDERS, name="orders")
    other = {"dataset_id": customers.id, "columns": ["customer"], "referenced_columns": ["key"]}
    quality.rule(dataset.id, {"reference": other}, name="known")
    quality.rule(dataset.id, {"cross_table": {**other, "expression": "amount <= other.limit"}}, name="within")
    quality.rule(
        dataset.id, {"cross_table": {"dataset_id": customers.id, "expression": "count() = count(other.key)"}}, name="n"
    )
    validation = quality.validated(dataset.id)
    assert [(each.rule.name, each.status) for each in validation.results] == [
        ("known", "failed"), ("within", "passed"), ("n", "failed"),
    ]  # fmt: skip
    assert [row.row_number for row in quality.failing(validation)] == [4]
    stranger = Quality(rig, rig.hire())
    own = rig.upload(stranger.person, ORDERS)
    failure = failure_of(lambda: stranger.rule(own.id, {"reference": other}))
    assert failure.code is CODE.NOT_FOUND


def test_watching_ends_with_the_validation_and_cancelling_ends_it(rig, analyst, quality):
    content = "a,b\n" + "".join(f"{n},text {n}\n" for n in range(300_000))
    dataset = rig.ready(analyst, content)
    rules = [{"name": f"{n}", "check": {"pattern": {"column": "b", "pattern": f"(t|e|x)*{n}.*"}}} for n in range(40)]
    started = quality.call("ValidateDataset", id=dataset.id, rules=rules)
    cancelled = quality.call("CancelDatasetValidation", id=started.id)
    assert cancelled.status == "cancelled"
    failure = failure_of(lambda: quality.call("ListFailingRows", id=started.id))
    assert failure.code is CODE.FAILED_PRECONDITION
    watched = quality.call("WatchDatasetValidation", id=quality.call("ValidateDataset", id=dataset.id).id)
    assert watched[-1].status == "succeeded"


def test_a_scheduled_rule_runs_when_its_time_has_come(rig, analyst, quality):
    dataset = rig.upload(analyst, "id\n1\n")
    rule = quality.rule(dataset.id, {"not_null": {"columns": ["id"]}}, schedule="* * * * *")
    ((job_id,),) = rig.rows("select schedule_job_id from quality_rule where id = %s", rule.id)
    ((due,),) = rig.rows("select scheduled_at from procrastinate_jobs where id = %s", job_id)
    assert due is not None
    with rig.database.platform_unit_of_work() as unit:
        from sqlalchemy import text

        unit.session.execute(text("update procrastinate_jobs set scheduled_at = now() where id = :id"), {"id": job_id})
    wait_until(lambda: quality.call("ListDatasetValidations", dataset_id=dataset.id).validations, 30)
    (validation,) = quality.validations(dataset.id)
    assert (validation.trigger, validation.passed) == ("schedule", True)
    ((following,),) = rig.rows("select schedule_job_id from quality_rule where id = %s", rule.id)
    assert following not in (None, job_id)
    quality.call("DeleteQualityRule", id=rule.id)
    ((status,),) = rig.rows("select status from procrastinate_jobs where id = %s", following)
    assert status == "cancelled"


def test_a_version_that_is_being_read_cannot_be_validated_yet(rig, analyst, quality):
    content = "a,b\n" + "".join(f"{n},{'x' * 50}\n" for n in range(200_000)) + '1,"never closed\n'
    dataset = rig.ready(analyst, content)
    failure = failure_of(lambda: quality.call("ValidateDataset", id=dataset.id))
    assert failure.reason == "DATASET_NOT_READY"


def test_validations_are_listed_with_filter_and_order(rig, analyst, quality):
    dataset = rig.upload(analyst, ORDERS)
    for check in ({"unique": {"columns": ["id"]}}, {"not_null": {"columns": ["id"]}}):
        quality.validated(dataset.id, rules=[{"check": check}])
    listed = quality.call("ListDatasetValidations", dataset_id=dataset.id, filter="passed = false").validations
    assert [each.failing_row_count for each in listed] == [2]
    assert list(listed[0].results) == []
    (result,) = quality.call("GetDatasetValidation", id=listed[0].id).results
    assert MessageToDict(result.rule.check) == {"unique": {"columns": ["id"]}}


def test_deleting_the_dataset_ends_what_is_under_way(rig, analyst, quality):
    content = "a,b\n" + "".join(f"{n},text {n}\n" for n in range(300_000))
    dataset = rig.ready(analyst, content)
    rules = [{"name": f"{n}", "check": {"pattern": {"column": "b", "pattern": f"(t|e|x)*{n}.*"}}} for n in range(40)]
    validation = quality.call("ValidateDataset", id=dataset.id, rules=rules)
    report = quality.call("AssessDataset", dataset_id=dataset.id)
    rig.datasets.DeleteDataset(datasets.DeleteDatasetRequest(id=dataset.id), metadata=analyst.metadata)
    for table, key in (("dataset_validation", validation.id), ("data_quality_report", report.id)):
        query = f"select status from {table} where id = %s"
        wait_until(lambda query=query, key=key: rig.rows(query, key)[0][0] == "cancelled")
    assert failure_of(lambda: quality.call("GetDatasetValidation", id=validation.id)).code is CODE.NOT_FOUND
