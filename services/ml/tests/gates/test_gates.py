"""Policies and evidence through the running service."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from uuid import uuid4

import grpc
import psycopg
import pytest
from raia.ml.v1 import gate_service_pb2 as pb2

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode
FAIR = {"sex": {"disparate_impact": 0.9}}


def policy(rig, person):
    return rig.policies.GetDeploymentPolicy(pb2.GetDeploymentPolicyRequest(), metadata=person.metadata)


def evidence(rig, person, model_id, **request):
    return rig.evidence.ListEvidence(pb2.ListEvidenceRequest(model_id=model_id, **request), metadata=person.metadata)


@pytest.fixture
def model(rig, scientist, loans):
    return rig.trained(scientist, loans)


def test_an_organisation_begins_with_the_policy_that_refuses(rig, scientist):
    found = policy(rig, scientist)
    assert (found.version, list(found.protected_attributes), found.minimum_disparate_impact) == (0, [], 0.8)
    assert not found.HasField("updated_at")


def test_every_change_is_a_version(rig, scientist, officer):
    first = rig.policy(officer, "sex", "age")
    assert (first.version, list(first.protected_attributes), first.minimum_disparate_impact) == (1, ["sex", "age"], 0.8)
    second = rig.policy(officer, "sex", minimum_disparate_impact=0.9, etag=first.etag)
    assert (second.version, second.minimum_disparate_impact) == (2, 0.9)
    assert second.updated_by == str(officer.id)
    assert policy(rig, scientist) == second
    kept = rig.rows("select version from deployment_policy_version where org_id = %s", officer.org_id)
    assert sorted(kept) == [(1,), (2,)]
    assert policy(rig, rig.hire()).version == 0
    assert [entry["version"] for entry in rig.audited(officer, "deployment_policy.update")] == [1, 2]


def test_only_who_may_writes_it(rig, scientist, officer):
    failure = failure_of(lambda: rig.policy(scientist, "sex"))
    assert failure.code == CODE.PERMISSION_DENIED
    rig.policy(officer, "sex")
    failure = failure_of(lambda: rig.policy(officer, "age", etag="0"))
    assert (failure.code, failure.reason, failure.metadata) == (CODE.ABORTED, "ETAG_MISMATCH", {"current": "1"})


@pytest.mark.parametrize("fields", [{"minimum_disparate_impact": 1.1}, {"minimum_disparate_impact": -0.1}])
def test_limits_are_shares(rig, officer, fields):
    assert failure_of(lambda: rig.policy(officer, "sex", **fields)).code == CODE.INVALID_ARGUMENT


def test_policies_of_many_at_once_are_all_kept(rig, officer):
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: rig.policy(officer, "sex").version, range(16)))
    assert sorted(numbers) == list(range(1, 17))


def test_of_several_first_policies_one_is_the_first(rig, officer):
    def first(_):
        try:
            return rig.policy(officer, "sex", etag="0").version
        except grpc.RpcError as error:
            assert error.code() == CODE.ABORTED, error.details()
            return None

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(first, range(8)))
    assert [number for number in made if number] == [1]
    assert policy(rig, officer).version == 1


def test_the_latest_report_is_the_one_that_was_recorded_last(rig, scientist, officer, model):
    """Not the one whose transaction began last: a report may wait long for the model's row."""
    rig.policy(officer, "sex")
    with psycopg.connect(rig.service_database.admin_url) as connection, ThreadPoolExecutor(1) as pool:
        connection.execute("set search_path to raia_ml")
        connection.execute("select from model where id = %s for update", (model.id,))
        waiting = pool.submit(rig.report, officer, model, FAIR)
        wait_until(lambda: rig.rows("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
        began = connection.execute("select clock_timestamp()").fetchone()[0]
        connection.commit()
        recorded = waiting.result().created_at.ToDatetime(UTC)
    assert recorded > began


def test_evidence_is_kept_once_per_report(rig, scientist, officer, model):
    report_id = str(uuid4())
    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(lambda _: rig.report(officer, model, FAIR, report_id=report_id).id, range(6)))
    assert len(set(kept)) == 1
    (found,) = evidence(rig, scientist, model.id).evidence
    assert (found.kind, found.version, found.digest, found.report_id) == ("fairness", 1, model.digest, report_id)
    assert found.figures["sex"]["disparate_impact"] == 0.9
    assert rig.events(model.id) == ["EvidenceRecorded"]


def test_a_report_s_id_is_not_used_twice(rig, officer, model):
    kept = rig.report(officer, model, FAIR)
    failure = failure_of(lambda: rig.report(officer, model, FAIR, report_id=kept.report_id, report_digest="1" * 64))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "REPORT_REUSED")


def test_evidence_about_another_artefact_is_refused(rig, officer, model):
    failure = failure_of(lambda: rig.report(officer, model, FAIR, digest="0" * 64))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "DIGEST_MISMATCH")
    assert failure_of(lambda: rig.report(officer, model, FAIR, version=2)).code == CODE.NOT_FOUND
    assert failure_of(lambda: rig.report(officer, model, FAIR, withdraw=True)).code == CODE.NOT_FOUND


def test_figures_are_finite(rig, scientist, officer, model):
    failure = failure_of(lambda: rig.report(officer, model, {"sex": {"disparate_impact": math.inf}}))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(evidence(rig, scientist, model.id).evidence) == []


def test_only_services_record(rig, scientist, model):
    request = pb2.RecordRequest(model_id=model.id)
    for metadata in (scientist.metadata, rig.acting(scientist, "llm")):
        failure = failure_of(lambda m=metadata: rig.evidence.Record(request, metadata=m))
        assert failure.code == CODE.PERMISSION_DENIED


def test_evidence_is_listed_in_pages_newest_first(rig, scientist, officer, model):
    made = [rig.report(officer, model, FAIR).report_id for _ in range(3)]
    page = evidence(rig, scientist, model.id, page_size=2)
    rest = evidence(rig, scientist, model.id, page_size=2, page_token=page.next_page_token)
    assert [each.report_id for each in (*page.evidence, *rest.evidence)] == made[::-1]
    assert failure_of(lambda: evidence(rig, scientist, model.id, page_token="x")).reason == "INVALID_PAGE_TOKEN"
