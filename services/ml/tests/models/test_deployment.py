"""Deploying and retiring: the gate, its records, and the guards that the database itself keeps."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import psycopg
import pytest
from raia.ml.v1 import gate_service_pb2 as pb2
from raia_kit import context
from raia_ml.models import deployment

from ..rig import failure_of

CODE = grpc.StatusCode
FAIR = {"sex": {"disparate_impact": 0.9}}


@pytest.fixture
def model(rig, scientist, loans):
    return rig.trained(scientist, loans)


@pytest.fixture
def fair_model(rig, officer, model):
    """A model that the policy lets into production."""
    rig.policy(officer, "sex")
    rig.report(officer, model, FAIR)
    return model


def verdicts(rig, person, model_id, **request):
    request = pb2.ListVerdictsRequest(model_id=model_id, **request)
    return list(rig.evidence.ListVerdicts(request, metadata=person.metadata).verdicts)


def test_without_a_policy_everything_is_refused_and_the_refusal_kept(rig, scientist, model):
    failure = failure_of(lambda: rig.deploy(scientist, model.id))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "GATE_REFUSED")
    assert failure.metadata["failed"] == "protected_attributes"
    assert failure.metadata["policy_version"] == "0"
    (kept,) = verdicts(rig, scientist, model.id)
    assert kept.id == failure.metadata["verdict_id"]
    assert (kept.allowed, kept.version, kept.digest, kept.created_by) == (False, 1, model.digest, str(scientist.id))
    assert rig.events(model.id) == ["DeploymentRefused"]
    assert rig.get(scientist, model.id).status == "draft"
    (audited,) = rig.audited(scientist, "model.deploy", "failed")
    assert audited["verdict_id"] == kept.id


def test_a_refusal_tells_each_failed_check_with_its_figures(rig, scientist, officer, model):
    rig.policy(officer, "sex", "age", minimum_disparate_impact=0.75)
    rig.report(officer, model, {"sex": {"disparate_impact": 0.7}})
    failure = failure_of(lambda: rig.deploy(scientist, model.id))
    assert failure.metadata["failed"] == "disparate_impact:sex,disparate_impact:age"
    assert "disparate impact 0.7000 is below the minimum of 0.75 by 0.0500" in failure.message
    assert "age: there is no fairness report on this version" in failure.message
    dry = rig.gate(scientist, model.id)
    assert not dry.allowed
    assert dry.id == ""
    sex, age = dry.checks
    assert (sex.value, sex.limit) == (0.7, 0.75)
    assert sex.margin == pytest.approx(-0.05)
    assert not age.HasField("value")
    assert not age.HasField("margin")


def test_what_the_policy_allows_goes_into_production(rig, scientist, officer, model):
    policy = rig.policy(officer, "sex")
    report = rig.report(officer, model, FAIR)
    assert rig.gate(scientist, model.id).allowed
    deployed = rig.deploy(scientist, model.id)
    assert (deployed.status, deployed.production_version, deployed.version) == ("production", 1, "1")
    (verdict,) = verdicts(rig, scientist, model.id)
    assert (verdict.allowed, verdict.policy_version) == (True, policy.version)
    assert verdict.checks[0].report_id == report.report_id
    assert rig.events(model.id) == ["EvidenceRecorded", "ModelDeployed"]
    (audited,) = rig.audited(scientist, "model.deploy")
    assert audited["verdict_id"] == verdict.id
    assert audited["digest"] == model.digest
    assert deployed.etag != model.etag


def test_deploying_what_is_in_production_changes_nothing(rig, scientist, fair_model):
    first = rig.deploy(scientist, fair_model.id)
    assert rig.deploy(scientist, fair_model.id, 1) == first
    assert len(verdicts(rig, scientist, fair_model.id)) == 1


def test_the_version_in_production_is_the_one_that_serves(rig, scientist, officer, loans):
    model = rig.trained(scientist, loans, name="served", seed=1)
    rig.policy(officer, "sex")
    rig.report(officer, model, FAIR)
    rig.deploy(scientist, model.id)
    second = rig.trained(scientist, loans, name="served", seed=2)
    assert (second.version, second.production_version) == ("2", 1)
    assert rig.get(scientist, model.id).version == "1"
    row = {"income": 20.0, "city": "Rome"}
    assert rig.predict(scientist, model.id, row).version == 1
    assert rig.predict(scientist, model.id, row, version=2).version == 2
    # Evidence is about one artefact: that of version 1 says nothing about version 2.
    failure = failure_of(lambda: rig.deploy(scientist, model.id))
    assert failure.metadata["version"] == "2"
    rig.report(officer, second, FAIR)
    swapped = rig.deploy(scientist, model.id)
    assert swapped.production_version == 2
    assert rig.predict(scientist, model.id, row).version == 2


def test_retiring_takes_it_out(rig, scientist, officer, fair_model):
    rig.deploy(scientist, fair_model.id)
    retired = rig.retire(officer, fair_model.id, reason="drift")
    assert (retired.status, retired.production_version) == ("retired", 0)
    assert rig.events(fair_model.id)[-1] == "ModelRetired"
    (audited,) = rig.audited(officer, "model.retire")
    assert (audited["version"], audited["reason"]) == (1, "drift")
    row = {"income": 20.0, "city": "Rome"}
    failure = failure_of(lambda: rig.predict(scientist, fair_model.id, row))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "MODEL_NOT_DEPLOYED")
    assert rig.predict(scientist, fair_model.id, row, version=1).version == 1
    failure = failure_of(lambda: rig.retire(officer, fair_model.id))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "MODEL_NOT_DEPLOYED")
    assert rig.deploy(scientist, fair_model.id).status == "production"


def test_etags_guard_both(rig, scientist, officer, fair_model):
    failure = failure_of(lambda: rig.deploy(scientist, fair_model.id, etag="1-1"))
    assert (failure.code, failure.reason) == (CODE.ABORTED, "ETAG_MISMATCH")
    deployed = rig.deploy(scientist, fair_model.id, etag=fair_model.etag)
    assert failure_of(lambda: rig.retire(officer, fair_model.id, etag=fair_model.etag)).reason == "ETAG_MISMATCH"
    assert rig.retire(officer, fair_model.id, etag=deployed.etag).status == "retired"


def test_a_report_on_decisions_that_the_model_does_not_make_lets_nothing_pass(rig, scientist, officer, loans):
    model = rig.trained(scientist, loans, favourable_class="good")
    rig.policy(officer, "sex")
    for outcome in ({"favourable_class": "good", "threshold": 0.0}, {"favourable_class": "bad"}):
        rig.report(officer, model, {"sex": {"disparate_impact": 1.0, "favourable_outcome": outcome}})
        failure = failure_of(lambda: rig.deploy(scientist, model.id))
        assert failure.reason == "GATE_REFUSED"
        assert "counts as no report" in failure.message
    rig.report(officer, model, {"sex": {"disparate_impact": 0.9, "favourable_outcome": {"favourable_class": "good"}}})
    assert rig.deploy(scientist, model.id).status == "production"


def test_a_refusal_between_the_two_looks_is_kept_too(rig, scientist, officer, fair_model, monkeypatch):
    """The policy changes after the first transaction and before the one that swaps."""
    changes = iter([("sex", "age")])

    def final_unit():
        for attributes in changes:
            rig.policy(officer, *attributes)
        return context.final_unit()

    monkeypatch.setattr(deployment, "final_unit", final_unit)
    failure = failure_of(lambda: rig.deploy(scientist, fair_model.id))
    assert failure.reason == "GATE_REFUSED"
    (kept,) = verdicts(rig, scientist, fair_model.id)
    assert (kept.id, kept.allowed, kept.policy_version) == (failure.metadata["verdict_id"], False, 2)
    assert rig.events(fair_model.id)[-1] == "DeploymentRefused"
    assert rig.get(scientist, fair_model.id).status == "draft"


def test_withdrawn_evidence_no_longer_counts(rig, scientist, officer, fair_model):
    (kept,) = rig.evidence.ListEvidence(
        pb2.ListEvidenceRequest(model_id=fair_model.id), metadata=scientist.metadata
    ).evidence
    withdrawn = rig.report(officer, fair_model, FAIR, report_id=kept.report_id, withdraw=True)
    assert withdrawn.withdrawn
    assert failure_of(lambda: rig.deploy(scientist, fair_model.id)).reason == "GATE_REFUSED"


def test_models_in_production_stay_there_when_the_policy_changes(rig, scientist, officer, fair_model):
    rig.deploy(scientist, fair_model.id)
    rig.policy(officer, "sex", "age")
    assert rig.get(scientist, fair_model.id).status == "production"
    assert not rig.gate(scientist, fair_model.id).allowed


def test_a_repeated_key_deploys_once(rig, scientist, fair_model):
    answers = {rig.deploy(scientist, fair_model.id, request_id="k1").etag for _ in range(3)}
    assert len(answers) == 1
    assert len(verdicts(rig, scientist, fair_model.id)) == 1


def test_one_version_at_most_is_in_production_whoever_calls_at_once(rig, scientist, officer, loans):
    rig.policy(officer, "sex")
    model_id = ""
    for seed in range(3):
        model = rig.trained(scientist, loans, name="contested", seed=seed)
        rig.report(officer, model, FAIR)
        model_id = model.id

    def act(number):
        try:
            if number % 4 == 3:
                return rig.retire(officer, model_id).production_version
            return rig.deploy(scientist, model_id, 1 + number % 3).production_version
        except grpc.RpcError as error:
            assert error.code() in (CODE.FAILED_PRECONDITION, CODE.ABORTED), error.details()
            return None

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(act, range(40)))
    assert any(results)
    changes = rig.rows(
        "select version, previous_version from deployment_change where model_id = %s order by created_at, id", model_id
    )
    # Each change begins where another ended: the changes make one chain, whose end is the pointer.
    ends, begins = [new for new, _ in changes], [old for _, old in changes]
    assert sorted(map(str, begins)) == sorted(map(str, [None, *ends]))[:-1] or len(begins) == len(ends)
    (pointer,) = rig.rows("select production_version from deployment where model_id = %s", model_id)
    balance = {version: ends.count(version) - begins.count(version) for version in {*ends, *begins}}
    for version, open_ends in balance.items():
        started = 1 if version is None else 0
        assert open_ends + started == (1 if version == pointer[0] else 0), (version, changes, pointer)
    kinds = rig.events(model_id)
    assert kinds.count("ModelDeployed") + kinds.count("ModelRetired") == len(changes)
    allowed = [each for each in verdicts(rig, scientist, model_id, page_size=1000) if each.allowed]
    assert len(allowed) == sum(new is not None for new in ends)


SWAP = "update deployment set production_version = 1, digest = %s, verdict_id = %s, change_id = %s where model_id = %s"


def change(connection, model, verdict_id, version=1, previous=None):
    change_id = uuid4()
    connection.execute(
        "insert into deployment_change (org_id, id, model_id, version, previous_version, digest, verdict_id) "
        "select org_id, %s, id, %s, %s, %s, %s from model where id = %s",
        (change_id, version, previous, model.digest if version else None, verdict_id, model.id),
    )
    return change_id


def verdict(connection, model, *, allowed=True, digest=""):
    verdict_id = uuid4()
    connection.execute(
        "insert into verdict (org_id, id, model_id, version, digest, allowed, policy_version, checks) "
        "select org_id, %s, id, 1, %s, %s, 1, '[]' from model where id = %s",
        (verdict_id, digest or model.digest, allowed, model.id),
    )
    return verdict_id


def by_hand(rig):
    """A superuser's connection: row security does not hold it, the triggers do."""
    connection = psycopg.connect(rig.service_database.admin_url)
    connection.execute("set search_path to raia_ml")
    return connection


def refused(connection, words, statement, *parameters):
    with pytest.raises(psycopg.errors.RestrictViolation, match=words):
        connection.execute(statement, parameters)
    connection.rollback()
    connection.execute("set search_path to raia_ml")


def test_a_swap_by_hand_is_refused(rig, model):
    with by_hand(rig) as connection:
        refused(
            connection,
            "record of the change",
            "update deployment set production_version = 1 where model_id = %s",
            model.id,
        )
        refused(connection, "record of the change", SWAP, model.digest, None, None, model.id)
        refused(connection, "record of the change", SWAP, model.digest, verdict(connection, model), uuid4(), model.id)


def test_a_swap_by_hand_needs_a_verdict_that_allows_it(rig, model):
    with by_hand(rig) as connection:
        no = verdict(connection, model, allowed=False)
        refused(connection, "needs a verdict", SWAP, model.digest, no, change(connection, model, no), model.id)
        other = verdict(connection, model, digest="f" * 64)
        refused(connection, "needs a verdict", SWAP, model.digest, other, change(connection, model, other), model.id)


def test_a_verdict_of_another_time_does_not_allow_a_swap(rig, model):
    with by_hand(rig) as connection:
        old = verdict(connection, model)
        connection.commit()
        connection.execute("set search_path to raia_ml")
        refused(connection, "needs a verdict", SWAP, model.digest, old, change(connection, model, old), model.id)


def test_a_withdrawal_by_hand_needs_its_record(rig, scientist, fair_model):
    rig.deploy(scientist, fair_model.id)
    out = (
        "update deployment set production_version = null, digest = null, verdict_id = null, change_id = %s "
        "where model_id = %s"
    )
    with by_hand(rig) as connection:
        refused(connection, "record of the change", out, None, fair_model.id)
        wrong = change(connection, fair_model, None, version=None, previous=None)
        refused(connection, "about another change", out, wrong, fair_model.id)
        refused(connection, "never deleted", "delete from deployment where model_id = %s", fair_model.id)
        refused(connection, "never changed", "update verdict set allowed = true where model_id = %s", fair_model.id)
        refused(connection, "never changed", "delete from deployment_change where model_id = %s", fair_model.id)
        refused(connection, "never changed", "update evidence set figures = '{}' where model_id = %s", fair_model.id)
    assert rig.get(scientist, fair_model.id).status == "production"
