"""Exports through the running service; the other services are gRPC servers that hold one model's facts."""

import json
from hashlib import sha256
from uuid import uuid4

import grpc
import pytest
from raia.workspace.v1 import export_service_pb2 as pb2

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode


@pytest.fixture
def world(rig):
    return rig.peers.reset()


def record_of(rig, person, **request):
    export = rig.exported(person, **request)
    assert export.status == "succeeded", export.error
    return json.loads(rig.download(person, export.id)[0]), export


def test_the_record_holds_what_is_known_of_the_version(rig, analyst, world):
    record, export = record_of(rig, analyst)
    assert record["format"] == "raia.governance_record/1"
    assert (record["model"]["id"], record["model"]["digest"]) == (world.model_id, "5e" * 32)
    assert [each["version"] for each in record["versions"]] == ["2", "1"]
    assert (record["training_run"]["id"], record["dataset"]["id"]) == (world.run_id, world.dataset_id)
    assert [each["id"] for each in record["evidence"]] == ["evidence-2"]
    assert [each["id"] for each in record["verdicts"]] == ["verdict-True", "verdict-False"]
    assert [each["id"] for each in record["fairness_reports"]] == [world.report_id]
    assert record["explanations"]["shap"]["id"] == "shap-1"
    assert record["explanations"]["feature_importance"]["id"] == "importance-1"
    assert [each["place"] for each in record["audit_entries"]] == ["3", "9"]
    assert record["as_of"].startswith("2026-")
    assert record["omissions"] == list(export.omissions) == []
    assert "top_values" not in json.dumps(record["profile"])
    assert (export.resource_type, export.resource_id, export.version) == ("model", world.model_id, 2)
    assert export.filename == "Credit-risk-2026-v2-governance-record.json"
    assert export.progress == 1.0
    assert export.HasField("completed_at")


def test_the_job_acts_for_the_user_with_the_permissions_of_the_contract(rig, analyst, world):
    _, export = record_of(rig, analyst)
    tokens = dict(world.asked)
    expected = (
        f"job+{export.id}+of+{analyst.id}+may+audit.read+datasets.read+explanations.read+fairness.read+models.read"
    )
    assert {token for rpc, token in world.asked if rpc != "GetModel"} == {expected}
    own = analyst.metadata[0][1].removeprefix("Bearer ")
    assert [token for rpc, token in world.asked if rpc == "GetModel"] == [own, expected]
    assert set(tokens) >= {"GetDataset", "ListAuditLogs", "GetShapExplanation"}


def test_the_same_state_gives_the_same_bytes(rig, analyst, world):
    for format_ in ("json", "pdf"):
        first, second = rig.exported(analyst, format_), rig.exported(analyst, format_)
        assert first.id != second.id
        assert first.sha256 == second.sha256 != ""
        content, facts = rig.download(analyst, first.id)
        assert sha256(content).hexdigest() == first.sha256 == facts["etag"]
        assert len(content) == first.file_size == int(facts["file-size"])
        assert facts["content-disposition"] == f'attachment; filename="{first.filename}"'


def test_a_pdf_is_a_pdf(rig, analyst, world):
    export = rig.exported(analyst, "pdf")
    assert export.status == "succeeded", export.error
    content, _ = rig.download(analyst, export.id)
    assert content.startswith(b"%PDF-")
    assert export.filename.endswith(".pdf")


def test_what_the_user_may_not_read_is_named(rig, analyst, world):
    world.denied = {"audit.read", "fairness.read", "datasets.read"}
    record, export = record_of(rig, analyst)
    assert list(export.omissions) == [
        "audit trail: audit.read is needed",
        "dataset: datasets.read is needed",
        "fairness reports: fairness.read is needed",
        "profile of the dataset: datasets.read is needed",
    ]
    assert (record["dataset"], record["audit_entries"], record["fairness_reports"]) == (None, [], [])
    assert record["omissions"] == list(export.omissions)
    assert rig.exported(analyst, "pdf").status == "succeeded"


def test_what_is_gone_is_named_too(rig, analyst, world):
    world.dataset_gone = True
    _, export = record_of(rig, analyst)
    assert [each.partition(":")[0] for each in export.omissions] == ["dataset", "profile of the dataset"]


def test_lists_that_fit_into_no_answer_are_read_in_smaller_pages(rig, analyst, world):
    world.largest_page = 3
    record, _ = record_of(rig, analyst)
    assert [each["id"] for each in record["fairness_reports"]] == [world.report_id]
    assert record["omissions"] == []


def test_explanations_under_way_are_waited_for(rig, analyst, world):
    world.pending = 2
    record, _ = record_of(rig, analyst)
    assert record["explanations"]["shap"]["status"] == "succeeded"


def test_a_service_that_is_away_fails_the_export_and_leaves_nothing_out(rig, analyst, world):
    with rig.peers.away("explain"):
        export = rig.exported(analyst)
    assert export.status == "failed"
    assert "explain" in export.error
    assert export.file_size == 0
    failure = failure_of(lambda: rig.download(analyst, export.id))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "EXPORT_NOT_READY")
    assert failure.metadata == {"status": "failed"}


def test_models_that_the_caller_cannot_read_start_nothing(rig, analyst, world):
    failure = failure_of(lambda: rig.export(analyst, model_id=str(uuid4())))
    assert failure.code is CODE.NOT_FOUND
    world.denied = {"models.read"}
    assert failure_of(lambda: rig.export(analyst)).code is CODE.PERMISSION_DENIED
    assert list(rig.exports.ListExportJobs(pb2.ListExportJobsRequest(), metadata=analyst.metadata).jobs) == []


def test_exports_are_seen_by_whoever_started_them_alone(rig, analyst, world):
    export = rig.exported(analyst)
    colleague, stranger = rig.hire(org_id=analyst.org_id), rig.hire()
    for other in (colleague, stranger):
        assert list(rig.exports.ListExportJobs(pb2.ListExportJobsRequest(), metadata=other.metadata).jobs) == []
        for call in (
            lambda other=other: rig.export_job(other, export.id),
            lambda other=other: rig.download(other, export.id),
            lambda other=other: rig.exports.WatchExportJob(
                pb2.WatchExportJobRequest(id=export.id), metadata=other.metadata
            ),
            lambda other=other: rig.exports.DeleteExportJob(
                pb2.DeleteExportJobRequest(id=export.id), metadata=other.metadata
            ),
        ):
            failure = failure_of(call)
            assert failure.code is CODE.NOT_FOUND
            assert export.id in failure.message
    assert rig.export_job(analyst, export.id) == export


def test_lists_are_newest_first_and_filtered(rig, analyst, world):
    made = [rig.exported(analyst, format_).id for format_ in ("json", "pdf", "json")]

    def listed(**request):
        found = rig.exports.ListExportJobs(pb2.ListExportJobsRequest(**request), metadata=analyst.metadata)
        return [job.id for job in found.jobs], found.next_page_token

    assert listed()[0] == made[::-1]
    assert listed(filter='format = "pdf" AND status = "succeeded"')[0] == [made[1]]
    first, token = listed(page_size=2)
    assert first + listed(page_size=2, page_token=token)[0] == made[::-1]


def test_watching_ends_with_the_export(rig, analyst, world):
    world.pending = 1
    export = rig.export(analyst)
    seen = list(
        rig.exports.WatchExportJob(pb2.WatchExportJobRequest(id=export.id), metadata=analyst.metadata, timeout=60)
    )
    assert seen[-1].status == "succeeded"
    assert [each.progress for each in seen] == sorted(each.progress for each in seen)


def delete(rig, person, export_id):
    rig.exports.DeleteExportJob(pb2.DeleteExportJobRequest(id=export_id), metadata=person.metadata)


def test_the_file_goes_with_its_last_export(rig, analyst, world):
    first, second = rig.exported(analyst), rig.exported(analyst)
    ((key,),) = set(rig.rows("select object_key from export_job where org_id = %s", analyst.org_id))
    store = rig.runtime.objects
    delete(rig, analyst, first.id)
    assert store.exists(key)
    assert rig.download(analyst, second.id)[0]
    delete(rig, analyst, second.id)
    assert not store.exists(key)
    assert failure_of(lambda: rig.export_job(analyst, first.id)).code is CODE.NOT_FOUND
    assert failure_of(lambda: delete(rig, analyst, second.id)).code is CODE.NOT_FOUND


def test_a_file_that_is_gone_is_said_to_be(rig, analyst, world):
    export = rig.exported(analyst)
    ((key,),) = rig.rows("select object_key from export_job where id = %s", export.id)
    rig.runtime.objects.delete(key)
    failure = failure_of(lambda: rig.download(analyst, export.id))
    assert failure.code is CODE.NOT_FOUND
    assert "export again" in failure.message
    again = rig.exported(analyst)
    assert rig.download(analyst, again.id)[0] == rig.download(analyst, export.id)[0]


def test_deleting_ends_what_is_under_way(rig, analyst, world):
    world.pending = 10_000
    export = rig.export(analyst)
    wait_until(lambda: rig.export_job(analyst, export.id).status == "running")
    delete(rig, analyst, export.id)
    assert failure_of(lambda: rig.export_job(analyst, export.id)).code is CODE.NOT_FOUND
    kinds = "select type from event where key = %s order by position"
    wait_until(lambda: rig.rows(kinds, export.id))
    wait_until(lambda: not rig.rows("select 1 from procrastinate_jobs where status = 'doing'"))
    assert rig.rows(kinds, export.id) == [("raia.workspace.events.v1.ExportFinished",)]
    world.pending = 0


def test_whoever_started_it_is_told_when_it_ends(rig, analyst, world):
    export = rig.exported(analyst)
    (told,) = rig.told(analyst, 1)
    assert (told.type, told.resource_type, told.resource_id) == ("export_ready", "export_job", export.id)


def test_a_key_starts_one_export(rig, analyst, world):
    first, again = (rig.export(analyst, key="once") for _ in range(2))
    assert first.id == again.id
    (details,) = rig.rows(
        "select details from audit_entry where org_id = %s and action = 'export.json' and outcome = 'success'",
        analyst.org_id,
    )[0]
    assert details["model_id"] == world.model_id
