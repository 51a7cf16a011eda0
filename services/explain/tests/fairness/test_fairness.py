from uuid import UUID

import grpc
import psycopg
import pytest
from raia.explain.v1 import fairness_service_pb2 as pb2
from raia_explain.fairness.domain import report_digest
from raia_kit.errors import FailedPrecondition

from ..owners import away
from ..rig import AGE, SEX, failure_of, wait_until


def test_a_report_is_made_and_recorded_as_evidence(rig, analyst):
    owned = rig.model(analyst, "lightgbm")
    started = rig.analyze(analyst, owned)
    assert started.status == "pending"
    assert list(started.protected_attributes) == ["sex", "age"]
    report = rig.finished(analyst, owned, started.id)
    assert report.status == "succeeded", report.error
    assert report.row_count == 300
    assert report.favourable_outcome.favourable_class == "yes"
    held = owned.frame.iloc[::2]
    selected = owned.model.predict(held) == "yes"
    by_name = {each.attribute: each for each in report.attributes}
    for group in by_name["sex"].groups:
        inside = (held["sex"] == group.group).to_numpy()
        assert group.count == inside.sum()
        assert group.selection_rate.value == pytest.approx(selected[inside].mean())
    assert "sex: " in report.recommendations
    assert report.fairness_metrics["sex"]["disparate_impact"] == by_name["sex"].disparate_impact.value
    evidence = rig.owners.evidence[report.id]
    assert (evidence["digest"], evidence["kind"], evidence["version"]) == (owned.digest, "fairness", 1)
    assert evidence["figures"]["age"]["disparate_impact"] == by_name["age"].disparate_impact.value
    ((digest,),) = rig.rows("select report_digest from fairness_report where id = %s", report.id)
    assert evidence["report_digest"] == digest
    assert rig.events(report.id) == ["FairnessAnalyzed"]


def test_the_digest_speaks_about_everything_the_report_says(rig, analyst):
    owned = rig.model(analyst)
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    with rig.runtime.database.unit_of_work(analyst.org_id) as unit:
        found = rig.reports.find(unit, UUID(report.id))
    assert found.content is not None
    digest = rig.owners.evidence[report.id]["report_digest"]
    assert report_digest(found, found.content) == digest
    assert report_digest(found, {**found.content, "bias_detected": not found.content["bias_detected"]}) != digest


def test_a_succeeded_report_never_changes(rig, analyst):
    owned = rig.model(analyst)
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    with pytest.raises(psycopg.errors.CheckViolation, match="never changes"):
        rig.rows("update fairness_report set error = 'x' where id = %s", report.id)
    cancel = pb2.CancelFairnessReportRequest(model_id=owned.id, id=report.id)
    assert rig.fairness.CancelFairnessReport(cancel, metadata=analyst.metadata) == report


def test_the_same_key_starts_one_report(rig, analyst):
    owned = rig.model(analyst)
    first = rig.analyze(analyst, owned, key="once")
    assert rig.analyze(analyst, owned, key="once").id == first.id
    second = rig.analyze(analyst, owned)
    assert second.id != first.id
    for report in (first, second):
        assert rig.finished(analyst, owned, report.id).status == "succeeded"


def test_while_ml_is_away_the_report_waits_for_it(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.record_refusals = [away() for _ in range(5)]
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    assert report.status == "succeeded"
    assert report.id in rig.owners.evidence
    assert not rig.owners.record_refusals


def test_a_report_that_ml_refuses_has_failed(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.record_refusals = [FailedPrecondition("of another artefact", reason="DIGEST_MISMATCH")]
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    assert (report.status, report.error) == ("failed", "of another artefact")
    assert report.id not in rig.owners.evidence
    assert rig.events(report.id) == ["FairnessAnalyzed"]


def test_cancelling_ends_a_report(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.hold_reading.clear()
    try:
        started = rig.analyze(analyst, owned)
        wait_until(lambda: rig.report(analyst, owned, started.id).status == "running")
        cancel = pb2.CancelFairnessReportRequest(model_id=owned.id, id=started.id)
        ended = rig.fairness.CancelFairnessReport(cancel, metadata=analyst.metadata)
        assert ended.status == "cancelled"
    finally:
        rig.owners.hold_reading.set()
    assert rig.finished(analyst, owned, started.id).status == "cancelled"
    assert started.id not in rig.owners.evidence
    wait_until(lambda: rig.events(started.id) == ["FairnessAnalyzed"])


def test_watching_ends_with_the_report(rig, analyst):
    owned = rig.model(analyst)
    started = rig.analyze(analyst, owned)
    watch = pb2.WatchFairnessReportRequest(model_id=owned.id, id=started.id)
    seen = list(rig.fairness.WatchFairnessReport(watch, metadata=analyst.metadata))
    assert seen[-1].status == "succeeded"
    assert [each.progress for each in seen] == sorted(each.progress for each in seen)


def test_lists_are_of_one_model_newest_first(rig, analyst):
    owned, other = rig.model(analyst), rig.model(analyst)
    made = [rig.analyze(analyst, owned, [SEX]).id for _ in range(3)]
    rig.analyze(analyst, other, [SEX])
    for report_id in made:
        rig.finished(analyst, owned, report_id)

    def page(**request):
        return rig.fairness.ListFairnessReports(
            pb2.ListFairnessReportsRequest(model_id=owned.id, **request), metadata=analyst.metadata
        )

    assert [report.id for report in page().reports] == made[::-1]
    first = page(page_size=2)
    second = page(page_size=2, page_token=first.next_page_token)
    assert [report.id for report in [*first.reports, *second.reports]] == made[::-1]
    assert not second.next_page_token
    assert len(page(filter='version = 1 AND status = "succeeded"').reports) == 3
    assert not page(filter="version = 2").reports
    failure = failure_of(lambda: page(filter="model_id = 1"))
    assert failure.reason == "INVALID_FILTER"


def test_others_see_nothing(rig, analyst):
    owned = rig.model(analyst)
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    stranger = rig.hire()
    listed = pb2.ListFairnessReportsRequest(model_id=owned.id)
    for call in (
        lambda: rig.report(stranger, owned, report.id),
        lambda: rig.analyze(stranger, owned),
        lambda: rig.fairness.ListFairnessReports(listed, metadata=stranger.metadata),
    ):
        assert failure_of(call).code is grpc.StatusCode.NOT_FOUND
    viewer = rig.hire("viewer", analyst.org_id)
    assert rig.report(viewer, owned, report.id) == report
    assert failure_of(lambda: rig.analyze(viewer, owned)).code is grpc.StatusCode.PERMISSION_DENIED
    other = rig.model(analyst)
    assert failure_of(lambda: rig.report(analyst, other, report.id)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("definition", "word"),
    [
        ({"name": "race"}, "no column"),
        ({"name": "sex", "column": "sex", "bins": [1]}, "not numbers"),
        ({**AGE, "bins": [60, 30]}, "ascending"),
        ({**AGE, "groups": {"1": "x"}}, "not both"),
        ({"column": "sex"}, "no name"),
        ({**SEX, "name": "a\0b"}, "NUL"),
        ({**SEX, "groups": {"F": "w"}, "reference_group": "m"}, "none of its map's groups"),
        ({**SEX, "groups": {str(k): f"group {k}" for k in range(101)}}, "more than 100 groups"),
    ],
)
def test_attributes_that_cannot_be_read_are_refused_at_once(rig, analyst, definition, word):
    failure = failure_of(lambda: rig.analyze(analyst, rig.model(analyst), [definition]))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ATTRIBUTE_UNUSABLE")
    assert word in failure.message


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"favourable_outcome": {"threshold": float("nan")}}, "favourable_outcome.threshold"),
        ({"favourable_outcome": {"threshold": 1.5}}, "favourable_outcome.threshold"),
        ({"favourable_outcome": {"side": "left"}}, "favourable_outcome.side"),
        ({"favourable_outcome": {"regression_threshold": 1.0}}, "favourable_outcome.regression_threshold"),
        ({"definitions": [{**SEX, "name": "x" * 256}]}, "protected_attributes[0].name"),
        ({"definitions": [{**SEX, "groups": {str(k): "g" for k in range(1001)}}]}, "protected_attributes[0].groups"),
        ({"definitions": [{**AGE, "bins": range(100)}]}, "protected_attributes[0].bins"),
        (
            {"definitions": [{"name": f"{n}", "groups": {f"{k:0>1000}": "g" for k in range(300)}} for n in range(2)]},
            "protected_attributes",
        ),
    ],
)
def test_what_no_report_can_be_about_is_refused_by_field(rig, analyst, request_, field):
    failure = failure_of(lambda: rig.analyze(analyst, rig.model(analyst), **request_))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.message.startswith(f"{field}: ")


def test_a_regressor_has_no_use_for_a_class_and_its_threshold_is_a_number(rig, analyst):
    owned = rig.model(analyst, "ridge", "regression", 0, favourable_class="")
    outcome = {"regression_threshold": float("nan"), "side": "above"}
    failure = failure_of(lambda: rig.analyze(analyst, owned, favourable_outcome=outcome))
    assert failure.message.startswith("favourable_outcome.regression_threshold: ")
    outcome = {"regression_threshold": 3.0, "side": "above", "threshold": 0.4}
    failure = failure_of(lambda: rig.analyze(analyst, owned, favourable_outcome=outcome))
    assert failure.message.startswith("favourable_outcome.threshold: ")


def test_a_report_reads_the_columns_that_it_is_about(rig, analyst):
    owned = rig.model(analyst)
    assert rig.finished(analyst, owned, rig.analyze(analyst, owned).id).status == "succeeded"
    assert rig.owners.columns_read[-1] == sorted({*owned.model.signature.names, "label", "sex"})


def test_an_attribute_defined_twice_is_refused(rig, analyst):
    failure = failure_of(lambda: rig.analyze(analyst, rig.model(analyst), [SEX, SEX]))
    assert failure.reason == "ATTRIBUTE_UNUSABLE"


def test_somebody_must_say_what_is_favourable(rig, analyst):
    owned = rig.model(analyst, favourable_class="")
    failure = failure_of(lambda: rig.analyze(analyst, owned))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FAVOURABLE_OUTCOME_MISSING")
    assert failure_of(lambda: rig.analyze(analyst, owned, favourable_outcome={"favourable_class": "x"})).reason == (
        "CLASS_UNKNOWN"
    )
    started = rig.analyze(analyst, owned, favourable_outcome={"favourable_class": "no", "threshold": 0.4})
    report = rig.finished(analyst, owned, started.id)
    assert report.favourable_outcome.favourable_class == "no"
    told = rig.owners.evidence[report.id]["figures"]["sex"]["favourable_outcome"]
    assert told == {"favourable_class": "no", "threshold": 0.4}
    chosen = owned.model.predict_proba(owned.frame.iloc[::2])[:, 0] >= 0.4
    total = sum(group.selection_rate.value * group.count for group in report.attributes[0].groups)
    assert total == pytest.approx(chosen.sum())
    regressor = rig.model(analyst, "ridge", "regression", 0, favourable_class="")
    assert failure_of(lambda: rig.analyze(analyst, regressor)).reason == "FAVOURABLE_OUTCOME_MISSING"
    outcome = {"regression_threshold": 3.0, "side": "above"}
    started = rig.analyze(analyst, regressor, favourable_outcome=outcome)
    assert rig.finished(analyst, regressor, started.id).status == "succeeded"


def test_a_report_that_cannot_be_made_says_why(rig, analyst):
    owned = rig.model(analyst)
    started = rig.analyze(analyst, owned, [{**SEX, "reference_group": "X"}])
    report = rig.finished(analyst, owned, started.id)
    assert report.status == "failed"
    assert "reference group 'X'" in report.error


def test_evidence_of_a_report_that_failed_after_all_is_withdrawn(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.lost_answers = [FailedPrecondition("the answer was lost", reason="DIGEST_MISMATCH")]
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    assert report.status == "failed"
    assert not report.HasField("fairness_metrics")
    wait_until(lambda: report.id in rig.owners.withdrawn)
    assert report.id not in rig.owners.evidence


def test_a_recorded_answer_that_was_lost_is_asked_for_again(rig, analyst):
    owned = rig.model(analyst)
    rig.owners.lost_answers = [away()] * 5
    report = rig.finished(analyst, owned, rig.analyze(analyst, owned).id)
    assert report.status == "succeeded"
    assert report.id in rig.owners.evidence
    assert report.id not in rig.owners.withdrawn


def test_a_model_without_a_version_has_no_reports_yet(rig, analyst):
    owned = rig.model(analyst, version="")
    listed = pb2.ListFairnessReportsRequest(model_id=owned.id)
    assert not rig.fairness.ListFairnessReports(listed, metadata=analyst.metadata).reports
    failure = failure_of(lambda: rig.analyze(analyst, owned))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "MODEL_NOT_READY")
